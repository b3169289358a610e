package terraform

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"testing/fstest"

	"github.com/aquasecurity/trivy/pkg/iac/scanners/terraform/parser/funcs"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// pure are the functions of Terraform that depend on their arguments alone.
// See https://developer.hashicorp.com/terraform/language/functions.
func pure() map[string]function.Function {
	return map[string]function.Function{
		// numbers
		"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc, "log": stdlib.LogFunc,
		"max": stdlib.MaxFunc, "min": stdlib.MinFunc, "parseint": stdlib.ParseIntFunc, "pow": stdlib.PowFunc,
		"signum": stdlib.SignumFunc, "sum": funcs.SumFunc,
		// strings
		"chomp": stdlib.ChompFunc, "endswith": funcs.EndsWithFunc, "format": guarded(stdlib.FormatFunc, narrow),
		"formatlist": guarded(stdlib.FormatListFunc, narrow), "indent": guarded(stdlib.IndentFunc, fewSpaces), "join": stdlib.JoinFunc,
		"lower": stdlib.LowerFunc, "regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc,
		"replace": guarded(funcs.ReplaceFunc, shortResult), "split": stdlib.SplitFunc, "startswith": funcs.StartsWithFunc,
		"strcontains": funcs.StrContainsFunc, "strrev": stdlib.ReverseFunc, "substr": stdlib.SubstrFunc,
		"title": stdlib.TitleFunc, "trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc,
		"trimspace": stdlib.TrimSpaceFunc, "trimsuffix": stdlib.TrimSuffixFunc, "upper": stdlib.UpperFunc,
		// collections
		"alltrue": funcs.AllTrueFunc, "anytrue": funcs.AnyTrueFunc, "chunklist": stdlib.ChunklistFunc,
		"coalesce": funcs.CoalesceFunc, "coalescelist": stdlib.CoalesceListFunc, "compact": stdlib.CompactFunc,
		"concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc, "distinct": stdlib.DistinctFunc,
		"element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc, "index": funcs.IndexFunc,
		"keys": stdlib.KeysFunc, "length": funcs.LengthFunc, "list": funcs.ListFunc, "lookup": funcs.LookupFunc,
		"map": funcs.MapFunc, "matchkeys": funcs.MatchkeysFunc, "merge": stdlib.MergeFunc, "one": funcs.OneFunc,
		"range": stdlib.RangeFunc, "reverse": stdlib.ReverseListFunc, "setintersection": stdlib.SetIntersectionFunc,
		"setproduct": guarded(stdlib.SetProductFunc, smallProduct), "setsubtract": stdlib.SetSubtractFunc, "setunion": stdlib.SetUnionFunc,
		"slice": stdlib.SliceFunc, "sort": stdlib.SortFunc, "transpose": funcs.TransposeFunc,
		"values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,
		// encodings
		"base64decode": funcs.Base64DecodeFunc, "base64encode": funcs.Base64EncodeFunc, "base64gzip": funcs.Base64GzipFunc,
		"csvdecode": stdlib.CSVDecodeFunc, "jsondecode": stdlib.JSONDecodeFunc, "jsonencode": stdlib.JSONEncodeFunc,
		"textdecodebase64": funcs.TextDecodeBase64Func, "textencodebase64": funcs.TextEncodeBase64Func,
		"urlencode": funcs.URLEncodeFunc, "yamldecode": guarded(ctyyaml.YAMLDecodeFunc, smallYAML), "yamlencode": ctyyaml.YAMLEncodeFunc,
		// hashes
		"base64sha256": funcs.Base64Sha256Func, "base64sha512": funcs.Base64Sha512Func, "md5": funcs.Md5Func,
		"rsadecrypt": funcs.RsaDecryptFunc, "sha1": funcs.Sha1Func, "sha256": funcs.Sha256Func, "sha512": funcs.Sha512Func,
		"uuidv5": funcs.UUIDV5Func,
		// dates
		"formatdate": stdlib.FormatDateFunc, "timeadd": stdlib.TimeAddFunc, "timecmp": funcs.TimeCmpFunc,
		// addresses
		"cidrhost": funcs.CidrHostFunc, "cidrnetmask": funcs.CidrNetmaskFunc, "cidrsubnet": funcs.CidrSubnetFunc,
		"cidrsubnets": funcs.CidrSubnetsFunc,
		// types
		"can": tryfunc.CanFunc, "try": tryfunc.TryFunc, "sensitive": funcs.SensitiveFunc,
		"nonsensitive": funcs.NonsensitiveFunc, "issensitive": funcs.IssensitiveFunc,
		"tobool": funcs.MakeToFunc(cty.Bool), "tonumber": funcs.MakeToFunc(cty.Number), "tostring": funcs.MakeToFunc(cty.String),
		"tolist": funcs.MakeToFunc(cty.List(cty.DynamicPseudoType)), "tomap": funcs.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
		"toset": funcs.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
		// paths
		"basename": funcs.BasenameFunc, "dirname": funcs.DirnameFunc,
		// What depends on the machine, the clock or chance is not known.
		"abspath": unknown(1), "pathexpand": unknown(1), "timestamp": unknown(0), "plantimestamp": unknown(0),
		"uuid": unknown(0), "bcrypt": unknown(2),
	}
}

// unknown is a function of up to n strings whose result is not known.
func unknown(n int) function.Function {
	spec := &function.Spec{
		Type: function.StaticReturnType(cty.String),
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) { return cty.UnknownVal(cty.String), nil },
	}
	if n > 0 {
		spec.VarParam = &function.Parameter{Name: "args", Type: cty.DynamicPseudoType, AllowUnknown: true, AllowNull: true}
	}
	return function.New(spec)
}

// withFiles adds the functions that read files, relative to a directory.
func withFiles(base map[string]function.Function, fsys fs.FS, dir string) map[string]function.Function {
	all := make(map[string]function.Function, len(base)+16)
	for name, f := range base {
		all[name] = f
	}
	all["file"] = funcs.MakeFileFunc(fsys, dir, false)
	all["filebase64"] = funcs.MakeFileFunc(fsys, dir, true)
	all["fileexists"] = funcs.MakeFileExistsFunc(fsys, dir)
	all["fileset"] = funcs.MakeFileSetFunc(fsys, dir)
	all["filemd5"] = funcs.MakeFileMd5Func(fsys, dir)
	all["filesha1"] = funcs.MakeFileSha1Func(fsys, dir)
	all["filesha256"] = funcs.MakeFileSha256Func(fsys, dir)
	all["filesha512"] = funcs.MakeFileSha512Func(fsys, dir)
	all["filebase64sha256"] = funcs.MakeFileBase64Sha256Func(fsys, dir)
	all["filebase64sha512"] = funcs.MakeFileBase64Sha512Func(fsys, dir)
	// A template may not read templates, so it gets the functions so far.
	inner := make(map[string]function.Function, len(all))
	for name, f := range all {
		inner[name] = f
	}
	read := all["file"]
	all["templatefile"] = guarded(funcs.MakeTemplateFileFunc(fsys, dir, func() map[string]function.Function { return inner }), func(args []cty.Value) error {
		if v, err := read.Call(args[:1]); err == nil && deepTemplate(text([]cty.Value{v}, 0)) {
			return errors.New("the template nests too deeply")
		}
		return nil
	})
	return all
}

// maxFileBytes bounds the files that functions can read. Larger ones are no
// text that a configuration is made of.
const maxFileBytes = 256 << 10

// fileSystem is the files of the target, for the functions that read files.
func fileSystem(files map[string][]byte) fs.FS {
	fsys := fstest.MapFS{}
	for name, data := range files {
		if len(data) > maxFileBytes {
			continue
		}
		fsys[name] = &fstest.MapFile{Data: data, Mode: 0o644}
	}
	return sandbox{fsys}
}

// sandbox cleans paths, which Terraform does not need to be clean.
type sandbox struct{ fs.FS }

func (s sandbox) Open(name string) (fs.File, error) {
	return s.FS.Open(strings.TrimPrefix(path.Clean(name), "/"))
}
