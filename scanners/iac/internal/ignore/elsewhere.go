package ignore

import "slices"

// elsewhere are the checks that other tools call by ids which the metadata of
// the checks does not have. An id is here only if both look for the same thing.
// See https://www.checkov.io/5.Policy%20Index/all.html and
// https://github.com/hadolint/hadolint#rules.
var elsewhere = map[string][]string{
	"CKV_AWS_2":   {"AWS-0054"},
	"CKV_AWS_3":   {"AWS-0026"},
	"CKV_AWS_7":   {"AWS-0065"},
	"CKV_AWS_8":   {"AWS-0008", "AWS-0131"},
	"CKV_AWS_16":  {"AWS-0080"},
	"CKV_AWS_17":  {"AWS-0180"},
	"CKV_AWS_18":  {"AWS-0089"},
	"CKV_AWS_19":  {"AWS-0088"},
	"CKV_AWS_20":  {"AWS-0092"},
	"CKV_AWS_21":  {"AWS-0090"},
	"CKV_AWS_23":  {"AWS-0099", "AWS-0124"},
	"CKV_AWS_26":  {"AWS-0095"},
	"CKV_AWS_27":  {"AWS-0096"},
	"CKV_AWS_28":  {"AWS-0024"},
	"CKV_AWS_34":  {"AWS-0012"},
	"CKV_AWS_35":  {"AWS-0015"},
	"CKV_AWS_36":  {"AWS-0016"},
	"CKV_AWS_37":  {"AWS-0038"},
	"CKV_AWS_38":  {"AWS-0041"},
	"CKV_AWS_39":  {"AWS-0040"},
	"CKV_AWS_50":  {"AWS-0066"},
	"CKV_AWS_51":  {"AWS-0031"},
	"CKV_AWS_53":  {"AWS-0086"},
	"CKV_AWS_54":  {"AWS-0087"},
	"CKV_AWS_55":  {"AWS-0091"},
	"CKV_AWS_56":  {"AWS-0093"},
	"CKV_AWS_58":  {"AWS-0039"},
	"CKV_AWS_67":  {"AWS-0014"},
	"CKV_AWS_68":  {"AWS-0011"},
	"CKV_AWS_79":  {"AWS-0028", "AWS-0130"},
	"CKV_AWS_86":  {"AWS-0010"},
	"CKV_AWS_103": {"AWS-0047"},
	"CKV_AWS_119": {"AWS-0025"},
	"CKV_AWS_130": {"AWS-0164"},
	"CKV_AWS_131": {"AWS-0052"},
	"CKV_AWS_133": {"AWS-0077"},
	"CKV_AWS_136": {"AWS-0033"},
	"CKV_AWS_145": {"AWS-0132"},
	"CKV_AWS_158": {"AWS-0017"},
	"CKV_AWS_161": {"AWS-0176"},
	"CKV_AWS_163": {"AWS-0030"},
	"CKV_AWS_174": {"AWS-0013"},
	"CKV_AWS_293": {"AWS-0177"},
	"CKV_AWS_353": {"AWS-0133"},
	"CKV_AWS_382": {"AWS-0104"},
	"CKV2_AWS_6":  {"AWS-0094"},

	"CKV_DOCKER_1":  {"DS-0004"},
	"CKV_DOCKER_2":  {"DS-0026"},
	"CKV_DOCKER_3":  {"DS-0002"},
	"CKV_DOCKER_4":  {"DS-0005"},
	"CKV_DOCKER_5":  {"DS-0017"},
	"CKV_DOCKER_6":  {"DS-0022"},
	"CKV_DOCKER_7":  {"DS-0001"},
	"CKV_DOCKER_8":  {"DS-0002"},
	"CKV_DOCKER_10": {"DS-0009"},
	"CKV_DOCKER_11": {"DS-0012"},

	"CKV_K8S_10": {"KSV-0015"},
	"CKV_K8S_11": {"KSV-0011"},
	"CKV_K8S_12": {"KSV-0016"},
	"CKV_K8S_13": {"KSV-0018"},
	"CKV_K8S_14": {"KSV-0013"},
	"CKV_K8S_16": {"KSV-0017"},
	"CKV_K8S_17": {"KSV-0010"},
	"CKV_K8S_18": {"KSV-0008"},
	"CKV_K8S_19": {"KSV-0009"},
	"CKV_K8S_20": {"KSV-0001"},
	"CKV_K8S_21": {"KSV-0110"},
	"CKV_K8S_22": {"KSV-0014"},
	"CKV_K8S_23": {"KSV-0012"},
	"CKV_K8S_26": {"KSV-0024"},
	"CKV_K8S_27": {"KSV-0006"},
	"CKV_K8S_31": {"KSV-0030", "KSV-0104"},
	"CKV_K8S_38": {"KSV-0036"},
	"CKV_K8S_40": {"KSV-0020"},

	"DL3000": {"DS-0009"},
	"DL3002": {"DS-0002"},
	"DL3003": {"DS-0013"},
	"DL3004": {"DS-0010"},
	"DL3006": {"DS-0001"},
	"DL3007": {"DS-0001"},
	"DL3011": {"DS-0008"},
	"DL3012": {"DS-0023"},
	"DL3014": {"DS-0021"},
	"DL3015": {"DS-0029"},
	"DL3019": {"DS-0025"},
	"DL3020": {"DS-0005"},
	"DL3021": {"DS-0011"},
	"DL3023": {"DS-0006"},
	"DL3024": {"DS-0012"},
	"DL3032": {"DS-0015"},
	"DL3036": {"DS-0020"},
	"DL3040": {"DS-0019"},
	"DL4000": {"DS-0022"},
	"DL4001": {"DS-0014"},
	"DL4003": {"DS-0016"},
	"DL4004": {"DS-0007"},
}

// NamesElsewhere are the ids that other tools have for checks, beside their
// aliases: sorted, by the id of the check.
func NamesElsewhere() map[string][]string {
	names := map[string][]string{}
	for name, ids := range elsewhere {
		for _, id := range ids {
			names[id] = append(names[id], name)
		}
	}
	for _, list := range names {
		slices.Sort(list)
	}
	return names
}
