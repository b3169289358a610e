// Package limits holds every bound that protects gatehouse from hostile or
// accidental input, in one place, each with where its value comes from.
//
// A bound that is hit never shortens a result silently: it becomes a failed
// file or a gap in the coverage, so that the verdict is INCOMPLETE.
package limits

import "time"

const (
	// MaxFileBytes is the largest file that is read. Larger files are failed
	// in the coverage. Sources larger than this are almost always data sets,
	// media or build output; 64 MiB is also the size above which code hosting
	// services refuse a file (GitHub: 100 MiB hard, 50 MiB warning).
	MaxFileBytes = 64 << 20

	// MaxInFlightBytes bounds the file bytes held by all workers of a scan
	// together. With the limit of one file it keeps the peak memory of a scan
	// independent of the size of the tree.
	MaxInFlightBytes = 96 << 20

	// MaxGroupFileBytes is the largest file that is kept in memory as a member
	// of a group (Terraform module, Helm chart). Helm itself refuses charts
	// whose files exceed 5 MiB (helm.sh/helm/v4/pkg/chart/loader/archive,
	// MaxDecompressedFileSize).
	MaxGroupFileBytes = 5 << 20

	// MaxLicenseTextBytes is how much of a text is compared with licences. The
	// longest licences have 50 KB, and files of notices that go with programs up
	// to some hundred.
	MaxLicenseTextBytes = 1 << 20

	// MaxGroupBytes bounds all group members of a scan together. Kubernetes
	// refuses releases over 1 MiB, and the largest public Terraform monorepos
	// hold less than 30 MiB of configuration.
	MaxGroupBytes = 128 << 20

	// MaxFiles bounds the number of files of a target. The Linux kernel has
	// about 90,000, Chromium about 450,000.
	MaxFiles = 2_000_000

	// MaxDepth bounds the directory depth. PATH_MAX (4096) admits at most 2,048
	// one-letter directories; no real tree exceeds 64.
	MaxDepth = 256

	// MaxFindingsPerFile bounds what one scanner may report for one file. The
	// rest is a gap, so that a generated file cannot fill memory or a report.
	MaxFindingsPerFile = 10_000

	// FileTimeout bounds the time that one scanner may spend on one file or
	// group. The slowest real group measured (a Terraform tree with 185 files)
	// needs 7 s on two slow cores.
	FileTimeout = 2 * time.Minute

	// MaxYAMLBytes is the largest YAML or JSON document parsed into a tree; a
	// tree needs 10 to 30 times the memory of its text.
	MaxYAMLBytes = 16 << 20

	// MaxYAMLNodes bounds the nodes of one YAML document after aliases are
	// expanded ("billion laughs"). kube-apiserver refuses requests over 3 MiB
	// (k8s.io/apiserver, MaxRequestBodyBytes), which is far below this many
	// nodes.
	MaxYAMLNodes = 2_000_000

	// MaxNesting bounds how deeply a JSON, YAML or HCL document may nest.
	// encoding/json refuses more than 10,000; each level costs a stack frame
	// in recursive consumers, and no configuration nests over 100.
	MaxNesting = 500

	// MaxPipelineScriptBytes bounds the commands of one delivery pipeline that
	// are judged; each costs some microseconds. GitLab refuses files over 2 MiB
	// with all that they include (max_yaml_size_bytes), and most of a file is
	// not commands.
	MaxPipelineScriptBytes = 1 << 20

	// MaxPipelineSteps bounds the steps, and the pasted expressions, of one
	// delivery pipeline that are judged. GitHub refuses runs of more than 256
	// jobs (usage limits of GitHub Actions, job matrix), and no workflow
	// measured has over 200 steps in one file.
	MaxPipelineSteps = 10_000

	// MaxExpressionBytes is the longest expression of a delivery pipeline that
	// is parsed. GitHub refuses expressions over 21,000 characters
	// (actions/runner, ExpressionConstants.MaxLength).
	MaxExpressionBytes = 21_000

	// MaxTerraformBytes is the largest Terraform file that is parsed: the parser
	// takes about 700 bytes of memory for each byte. Files written by people are
	// below 200 KiB, and generated ones that are larger can be split.
	MaxTerraformBytes = 1 << 20

	// MaxTerraformModules bounds the module instances below one root module,
	// which a few nested calls can make grow exponentially. The largest public
	// landing zones have some hundred.
	MaxTerraformModules = 2_000

	// MaxTerraformDepth bounds how deeply modules call modules. Terraform has no
	// such bound; its style guide advises one level, and no public tree has 10.
	MaxTerraformDepth = 50

	// MaxTerraformInstances bounds the instances that count or for_each make
	// of one block. Terraform plans become unusable long before.
	MaxTerraformInstances = 1_000

	// MaxIgnores bounds the comments of one file that ask for findings not to
	// count. The most seen in a public repository is below 100.
	MaxIgnores = 1_000

	// MaxKustomizeFiles bounds the files that the build of one kustomization
	// reads, each counted as often as it is referred to: bases that refer to
	// bases twice make that grow exponentially. Each takes about a millisecond,
	// so that a build stays within FileTimeout.
	MaxKustomizeFiles = 20_000

	// JsonnetTimeout bounds one Jsonnet program. Its interpreter has no bound of
	// its own but on the depth of calls. A program that makes 16 MiB of JSON needs
	// far less.
	JsonnetTimeout = 20 * time.Second

	// JsonnetBytes bounds the memory of one Jsonnet program, for the same reason.
	JsonnetBytes = 1 << 30

	// PolicyTimeout bounds one policy evaluation of a whole report.
	PolicyTimeout = 60 * time.Second

	// PolicyTestTimeout bounds one run of all tests of policies. The tests of
	// the baseline pack take 30 ms.
	PolicyTestTimeout = 10 * time.Minute

	// PolicyHeapBytes bounds the growth of the heap while policies are
	// evaluated. OPA keeps about 20 bytes for each byte of input, and the
	// largest input measured is 30 MiB.
	PolicyHeapBytes = 1 << 30

	// PolicyResultBytes bounds the result of one built-in function of a policy:
	// a sixteenth of the memory that all of them may use.
	PolicyResultBytes = PolicyHeapBytes / 16

	// MaxPolicyBytes is the largest Rego or data file that is loaded.
	MaxPolicyBytes = 16 << 20

	// MaxWaivers bounds the waivers of one file; more than this is a generated
	// list and no decision by a person.
	MaxWaivers = 10_000

	// MaxAdvisoryBytes is the largest advisory file that is imported. The
	// largest OSV entry published so far (a Linux kernel CVE) has 1.5 MiB.
	MaxAdvisoryBytes = 16 << 20

	// MaxAdvisoryYAMLBytes is the largest advisory file in YAML that is
	// imported: its tree takes 100 times the memory of a text of short values.
	// The largest file of the PyPA database has less than 50 KiB.
	MaxAdvisoryYAMLBytes = 4 << 20

	// MaxDatabaseBytes is the largest vulnerability database that is unpacked.
	// The published trivy-db unpacks to about 900 MiB (2026).
	MaxDatabaseBytes = 4 << 30

	// MaxFeedBytes is the largest list of exploited vulnerabilities that is
	// read, unpacked. EPSS has 300,000 lines of 30 bytes (2026).
	MaxFeedBytes = 256 << 20

	// MaxDictionaryBytes bounds the memory of a decompressor of advisories: xz
	// -9 needs 64 MiB, and zstd 8 MiB at its highest usual level.
	MaxDictionaryBytes = 64 << 20

	// MaxConfigBytes is the largest gatehouse.yaml or waiver file.
	MaxConfigBytes = 4 << 20

	// MaxVEXBytes is the largest VEX document. Those of Linux distributions
	// about all of their packages have some 20 MiB (2026).
	MaxVEXBytes = 64 << 20

	// MaxArchiveRatio bounds how many bytes one compressed byte may unpack to.
	// DEFLATE reaches 1032:1 at most; text reaches about 20:1.
	MaxArchiveRatio = 200

	// MaxUnpackedBytes bounds what the archives in one file, at all levels
	// together, may unpack to. The largest wheels on PyPI unpack to about as
	// much (torch, 2 GB, mostly binaries, is refused by MaxFileBytes).
	MaxUnpackedBytes = 1 << 30

	// MaxArchiveEntries bounds the entries of one archive, and those of all
	// archives in one file. The classes of the JDK, the largest common set, are
	// about 30,000.
	MaxArchiveEntries = 100_000

	// MaxArchiveDepth bounds archives in archives. A compressed tar file is two
	// levels, and so a Helm chart in a chart in a chart is six.
	MaxArchiveDepth = 8

	// MaxEncodingDepth bounds encodings in encodings, such as JSON in a string
	// in base64. A Helm release has base64 twice.
	MaxEncodingDepth = 3

	// MaxDecodedRatio bounds what all encodings in one text together may decode
	// to, as a multiple of the text. Each encoding makes text shorter, so only
	// stretches that can be read in two ways at several levels come near.
	MaxDecodedRatio = 4

	// MaxPackIndexBytes is the largest index of a packfile that is read. It is
	// kept in memory; 28 bytes for each object make 18 million objects, twice
	// those of the Linux kernel.
	MaxPackIndexBytes = 512 << 20

	// MaxDeltaDepth bounds a chain of deltas. git pack-objects makes at most
	// 4,095 links (its --depth), and 50 unless told otherwise.
	MaxDeltaDepth = 4095

	// MaxDeltaWork bounds the bytes that are unpacked to put one object
	// together. It is 50 links, the usual most, of 20 MiB each.
	MaxDeltaWork = 1 << 30

	// DeltaCacheBytes bounds the objects that are kept because others are
	// deltas of them; a quarter of it more may be free for the next ones. git
	// has 96 MiB (core.deltaBaseCacheLimit); contents are read right after
	// those that they are deltas of, so less is enough.
	DeltaCacheBytes = 16 << 20

	// TraceBytes bounds what the search for secrets keeps of versions of files,
	// to search later versions faster: some thousand versions, of which only the
	// last of each file are needed.
	TraceBytes = 4 << 20

	// MaxAlternateDepth bounds repositories that borrow from others that
	// borrow; git has the same (odb, alternates "nesting too deep").
	MaxAlternateDepth = 5

	// MaxAlternates bounds the directories that a repository borrows from.
	MaxAlternates = 100

	// MaxRefsBytes is the largest packed-refs file. A million refs have 70 MB.
	MaxRefsBytes = 256 << 20

	// MaxIndexBytes is the largest git index. Chromium's, with 450,000 files,
	// has 60 MB.
	MaxIndexBytes = 256 << 20

	// MaxCommits bounds the commits of a history that are kept in memory. The
	// Linux kernel has 1.4 million.
	MaxCommits = 5_000_000
)

// Bounds on the analysis of what Go programs call.
const (
	// ReachabilityTimeout bounds the analysis of one module. The largest open
	// programs, such as Kubernetes, take some minutes.
	ReachabilityTimeout = 10 * time.Minute

	// ReachabilityMemory bounds the process that analyses one module, unless
	// GOMEMLIMIT does. gatehouse itself, with 1,465 packages, takes 4 GiB; the
	// machines that hosted pipelines give have 7 to 16.
	ReachabilityMemory = 8 << 30

	// MaxReachabilityBytes bounds what one analysis prints: a name for each
	// package, some KB for each call stack.
	MaxReachabilityBytes = 128 << 20

	// MaxReachabilityErrorBytes is how much of its error messages is kept.
	MaxReachabilityErrorBytes = 16 << 10

	// MaxReachabilitySymbols and MaxReachabilityTrace are how many functions and
	// frames of a call stack a finding names, so that reports stay small.
	MaxReachabilitySymbols = 20
	MaxReachabilityTrace   = 30
)

// Bounds on attestations, all of which may come from a stranger.
const (
	// MaxAttestationBytes is the largest statement, envelope or bundle that is
	// read: software bills of materials of large images have 20 to 40 MB.
	// cosign stops at 128 MiB.
	MaxAttestationBytes = 64 << 20

	// MaxSignatures bounds the signatures of one envelope. A threshold over more
	// signers than this is not known.
	MaxSignatures = 32

	// MaxAttestations bounds the attestations of one subject. Kyverno refuses
	// images with more than 50 referrers.
	MaxAttestations = 200

	// MaxKeyBytes is the largest file with a key. An RSA key of 16,384 bits has
	// 13 KB in PEM.
	MaxKeyBytes = 64 << 10

	// MaxPolicyFileBytes is the largest file that says what must be attested.
	MaxPolicyFileBytes = 1 << 20

	// MaxTrustedRootBytes is the largest trusted root. That of the public
	// sigstore has 7 KB; Kyverno takes 1 MiB.
	MaxTrustedRootBytes = 4 << 20

	// MaxServiceAnswerBytes is the largest answer of a certificate authority, log
	// or timestamp authority. Those of the public sigstore have up to 20 KB, and
	// sigstore-go stops at 1 MiB.
	MaxServiceAnswerBytes = 1 << 20
)

// Bounds on container images.
const (
	// MaxManifestBytes is the largest manifest; registries refuse those over
	// 4 MiB (distribution-spec, "Pushing Manifests").
	MaxManifestBytes = 4 << 20

	// MaxImageConfigBytes is the largest configuration of an image. One with a
	// history of 1,000 long instructions has 1 MB.
	MaxImageConfigBytes = 8 << 20

	// MaxLayers bounds the layers of an image; overlayfs mounts at most 500.
	MaxLayers = 500

	// MaxLayerBytes bounds a layer after decompression. The largest public
	// images (CUDA, machine learning) have layers of 10 to 20 GB.
	MaxLayerBytes = 64 << 30

	// MaxZstdMemory bounds what unpacking zstd may use; the format asks readers
	// to take windows of 8 MiB, and --long goes up to 128 MiB.
	MaxZstdMemory = 128 << 20

	// MaxLayerRatio bounds how much larger a layer is after decompression, if it
	// has more than FreeLayerBytes then: DEFLATE gives at most 1032, and layers of
	// public images 2 to 10.
	MaxLayerRatio  = 200
	FreeLayerBytes = 1 << 30

	// MaxIndexDepth bounds indexes within indexes, which the specification
	// allows and nobody needs more than twice.
	MaxIndexDepth = 3

	// MaxPlatforms bounds the images of an index. The official images have up
	// to 12.
	MaxPlatforms = 50

	// MaxCachedListingBytes is the largest listing of a layer that is kept, packed:
	// that of about 60,000 files. It must be less than a log of the cache.
	MaxCachedListingBytes = 3 << 20

	// LayerWindowBytes bounds what a layer keeps of files that it passed before
	// they were asked for.
	LayerWindowBytes = 64 << 20
)

// Bounds on admission.
const (
	// MaxReviewBytes is the largest AdmissionReview. API servers take objects of
	// up to 3 MiB (k8s.io/apiserver, MaxRequestBodyBytes), and send the old one
	// too.
	MaxReviewBytes = 8 << 20

	// MaxImagesOfObject bounds the images of one object. Pods with more than 50
	// containers are not known.
	MaxImagesOfObject = 500

	// MaxException is how long an exception may last: over a weekend, with a day on
	// either side.
	MaxException = 4 * 24 * time.Hour

	// MaxPullSecrets bounds the pull secrets of a pod. More than 10 are not known.
	MaxPullSecrets = 50

	// MaxApprovedDigests bounds the list of the fallback: an object of some 1.2 MB,
	// of which etcd takes 1.5.
	MaxApprovedDigests = 5000

	// MaxManifestObjects bounds the objects of manifests that are tried out at
	// once. Whole clusters of 1,000 nodes have some 50,000.
	MaxManifestObjects = 100_000

	// MaxManifestsBytes is the largest file of manifests: 100,000 objects of 2 kB.
	MaxManifestsBytes = 256 << 20

	// MaxAdmissionRequests bounds the requests that are answered at once; more
	// are denied. API servers send at most 400 changes at once by default
	// (--max-mutating-requests-inflight 200, several servers).
	MaxAdmissionRequests = 1000

	// MaxVerifications bounds the images that are verified at once, each with
	// some requests to a registry.
	MaxVerifications = 32

	// MaxVerifiedDigests bounds the answers that are kept: about 300 bytes each.
	MaxVerifiedDigests = 50_000

	// VerificationTimeout bounds one verification, also when nobody waits any more.
	// Who asks again meanwhile waits for it too, so it is little more than API
	// servers wait.
	VerificationTimeout = 15 * time.Second

	// DefaultAdmissionTimeout is what API servers give unless told otherwise
	// (timeoutSeconds).
	DefaultAdmissionTimeout = 10 * time.Second
)
