package rules

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
)

// hashes are names that stand right before the hash of public data: of
// packages, files, commits.
var hashes = regexp.MustCompile(`(?i)(?:\bh1[:=]|sha-?(?:1|224|256|384|512)(?:sum)?["']?\s*[-:=(]|\bmd5(?:sum)?["']?\s*[-:=(]|(?:integrity|checksum|digest|etag|commit|revision|thumbprint|fingerprint)["']?\s*[:=]+)[\s"']*(?:sha\d+-)?$`)

// public are names of what everybody may know, besides those that the rules of
// gitleaks list: the name before the value decides.
var public = regexp.MustCompile(`(?i)(?:pub(?:lic)?_?-?key|\bpk|public)\w*["']?\s*[:=]+\s*["']?$`)

// hashOf are names of hashes of what everybody may read, and tagged what stands
// between a name with "api" or "key" in it and the tag of a container image.
var (
	hashOf = regexp.MustCompile(`(?i)(?:config|content|file|commit|tree|block|body|spec|template)_?hash["']?\s*[:=]+\s*["']?$`)
	tagged = regexp.MustCompile(`(?i)\bimage["']?\s*[:=]\s*["']?[\w./-]+:$`)
)

// host is a name of the DNS below one of the domains that programs use in names.
var host = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?\.){1,6}(?:com|dev|internal|io|local|net|org|svc)(?:/[a-z][a-z0-9./-]*)?$`)

// nodeID is the id of a node in the API of GitHub, which everybody may read:
// https://docs.github.com/en/graphql/guides/using-global-node-ids.
var nodeID = regexp.MustCompile(`^[A-Z]{1,6}_kw[A-Za-z0-9_-]{8,60}$`)

// commentSaysNo is what stands behind a value of which its author says that it is
// not real.
var commentSaysNo = regexp.MustCompile(`^["'\x60,;)\]}\s]{0,8}(?://|#|/\*|--)\s*(?i:(?:this is )?(?:just )?an? |only )?(?i:fake|dummy|bogus|mock(?:ed)?|made[ -]up|not (?:an? )?real|invalid)\b`)

// maxImage is how long the name of an image may be, with what stands before it.
const maxImage = 160

// maxComment is how far a comment behind a value is read.
const maxComment = 80

// behind is what stands on the line after the match.
func behind(t *Text) []byte {
	after := t.All[t.Whole.End:min(len(t.All), t.Whole.End+maxComment)]
	if i := bytes.IndexByte(after, '\n'); i >= 0 {
		after = after[:i]
	}
	return after
}

// saysNo are names of values that are meant not to work.
var saysNo = regexp.MustCompile(`(?i)invalid|fake|dummy|mock|bogus|placeholder|example|non_?match|mismatch|wrong|not_?real`)

// number is a number, a version, a date, or an id of something public.
var number = regexp.MustCompile(`^(?:[-+]?[\d.]+(?:[eE][-+]?\d+)?|v?\d+\.\d+(?:\.\d+)?[-+.][\w.-]{1,40}|(?i:cve|ghsa|rfc|iso)-[\w-]+)$`)

// keyID names the id of a key.
var keyID = regexp.MustCompile(`(?i)(?:key|token|credential)s?[ _.-]?id(?:entifier)?["']?\s*[:=]+\s*["']?$`)

// ofPublic names what is no secret though its name has a word in it that says so:
// versions, hashes, signatures, keys that are public or encrypted.
var ofPublic = regexp.MustCompile(`(?i)(?:guid|uuid|version|signature|cache_?key|client_?id|tenant_?id|(?-i:SecretID)|[gp]pg_?keys?|encrypted_?key|public[ _-]key|key_?length|key_?size)["']?\s*[:=]+\s*["']?$`)

// publicKeys are the starts of public keys in DER and base64, by RFC 5480, 8017
// and 8410.
var publicKeys = regexp.MustCompile(`^(?:MFkwEwYHKoZIzj0CAQ|MHYwEAYHKoZIzj0CAQ|MIGbMBAGByqGSM49|MII[A-Z]IjANBgkqhkiG9w0BAQEF|MIGfMA0GCSqGSIb3DQEBAQUAA|MCowBQYDK2V)`)

// phrase is text of several words between quotes, behind which another item of a
// list stands.
var phrase = regexp.MustCompile(`[A-Za-z.][ \t]+[A-Za-z][\w \t.-]*["']\s*,\s*["']?$`)

// vectorBytes is how far from a value the others of a test vector stand.
const vectorBytes = 800

// vectorNames are names that stand beside the keys in test vectors of
// cryptography, with values that are hexadecimal.
var vectorNames = regexp.MustCompile(`(?i)\b(nonce|iv|aad|ad|ct|pt|ciphertext|cipher_?text|plaintext|plain_?text|msg|message|sig|signature|public_?key|peer_?public_?key|pk\w{0,2}|enc|ikm\w?|info|shared_?secret|` +
	`exporter_\w{1,20}|exported_\w{1,20}|base_nonce|seed|digest|tag|expected\w{0,20}|want\w{0,20}|key_schedule_context|tcid|shared|public|private|private_?key|in|out|output|okm|prk|salt|hash|` +
	`client\w{0,30}|server\w{0,30})["']?\s{0,4}(?::|:?=|,)\s{0,8}(?:[\w.]{1,40}\(|\[\]byte\()?["'\x60]?(?:0x)?[0-9a-fA-F]{8,}`)

var hexadecimal = regexp.MustCompile(`^(?:0x)?[0-9a-fA-F]{24,}$`)

// inVectors reports whether a hexadecimal value stands among others as in test
// vectors of cryptography.
func inVectors(t *Text) bool {
	if !hexadecimal.Match(t.secret()) {
		return false
	}
	around := [][]byte{t.All[max(0, t.Whole.Start-vectorBytes):t.Whole.Start], t.All[t.Whole.End:min(len(t.All), t.Whole.End+vectorBytes)]}
	// Each name has a value of its own: to count values costs much less.
	if hexRuns(around[0])+hexRuns(around[1]) < 2 {
		return false
	}
	names := map[string]bool{}
	for _, s := range around {
		for _, m := range vectorNames.FindAllSubmatch(s, -1) {
			names[strings.ToLower(string(m[1]))] = true
		}
	}
	return len(names) >= 2
}

// hexRuns counts the runs of at least eight hexadecimal digits.
func hexRuns(text []byte) int {
	runs, length := 0, 0
	for _, c := range text {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' {
			if length++; length == 8 {
				runs++
			}
			continue
		}
		length = 0
	}
	return runs
}

// slashed is a path of words.
var slashed = regexp.MustCompile(`^[\w.-]*(?:/[a-z][a-z_.-]*){2,}$`)

// named is a name and a value.
var named = regexp.MustCompile(`^[A-Za-z_](?:[A-Za-z_]|\.[A-Za-z_]){2,29}=[^=]`)

// joined is a name of words and short numbers, in one case each.
var joined = regexp.MustCompile(`^(?:[A-Z]?[a-z]{1,12}|[A-Z]{1,12})\d{0,2}(?:[-_.](?:(?:[A-Z]?[a-z]{1,12}|[A-Z]{1,12})\d{0,2}|\d{1,3}))+$`)

// list is what stands between two items of a list on different lines.
var list = regexp.MustCompile(`,[ \t]*\r?\n`)

// elided is what stands behind a value of which only the start is shown.
var elided = regexp.MustCompile(`^[-_.]?(?:\*{3}|#{3}|\.{3}|x{4}|X{4}|…|\[\.\.\.\]|<snip>)`)

// unlikely says why a value that is known only by the text around it is hardly
// a secret, as a clause. Judged is set if names in programs are left out already.
func unlikely(t *Text, judged bool) string {
	before := t.All[max(0, t.Secret.Start-40):t.Secret.Start]
	head := t.All[t.Whole.Start:max(t.Whole.Start, t.Secret.Start)]
	switch {
	case saysNo.Match(head):
		return "its name says that it is not real"
	case list.Match(head):
		return "it is an item of a list, and what looks like its name is another one"
	case hashes.Match(before), hashOf.Match(before) && hexadecimal.Match(t.secret()):
		return "the name of a hash stands before it"
	case public.Match(before):
		return "it is the public half of a key"
	case number.Match(t.secret()) && !judged:
		return "it is a number or the id of a publication"
	case ofPublic.Match(before):
		return "its name is that of something public"
	case publicKeys.Match(t.secret()):
		return "it is a public key"
	case tagged.Match(t.All[max(0, t.Secret.Start-maxImage):t.Secret.Start]):
		return "it is the tag of an image"
	case host.Match(t.secret()):
		return "it is the name of a host"
	case nodeID.Match(t.secret()):
		return "it is the id of something at GitHub"
	case !judged && (slashed.Match(t.secret()) || named.Match(t.secret()) || joined.Match(t.secret())):
		return "it is a name, a path, or a name and a value"
	case inVectors(t):
		return "it stands among test vectors of cryptography"
	case keyID.Match(before):
		return "it is the id of a key, not the key"
	case !judged && identifier(t.secret()) && (words(t.secret()) || isCode(t.Path) && !quoted(t)):
		return "it is a name in a program"
	}
	return encodesWeak(t.secret())
}

// near is how far a keyword may be from a match that holds nothing by which it
// is known.
const near = 150

// lacksKeyword reports whether a rule whose expression fits any hash has no
// keyword near by.
func (r *Rule) lacksKeyword(t *Text) bool {
	if len(r.Keywords) == 0 || !r.about().bare {
		return false
	}
	around := bytes.ToLower(t.All[max(0, t.Whole.Start-near):min(len(t.All), t.Whole.End+near)])
	return !slices.ContainsFunc(r.Keywords, func(k string) bool { return bytes.Contains(around, []byte(strings.ToLower(k))) })
}

// code are languages in which text stands between quotes.
var code = map[string]bool{
	".go": true, ".py": true, ".js": true, ".mjs": true, ".cjs": true, ".jsx": true, ".ts": true, ".tsx": true, ".java": true, ".kt": true, ".scala": true,
	".c": true, ".h": true, ".cc": true, ".cpp": true, ".hpp": true, ".cs": true, ".rs": true, ".rb": true, ".php": true, ".swift": true, ".m": true,
	".dart": true, ".vue": true, ".svelte": true, ".ex": true, ".erl": true, ".hs": true, ".lua": true, ".groovy": true, ".proto": true, ".map": true,
}

func isCode(name string) bool { return code[strings.ToLower(path.Ext(name))] }

// quoted reports whether the secret stands between quotes, by the quotes before
// it on its line.
func quoted(t *Text) bool {
	before := t.All[max(0, t.Secret.Start-maxLine):t.Secret.Start]
	before = before[bytes.LastIndexByte(before, '\n')+1:]
	var open byte
	for i, b := range before {
		switch {
		case b != '"' && b != '\'' && b != '`' || i > 0 && before[i-1] == '\\':
		case open == 0:
			open = b
		case open == b:
			open = 0
		}
	}
	return open != 0
}

// identifier reports whether b may name something in a program.
func identifier(b []byte) bool {
	for i, c := range b {
		if !alnum(c) && c != '_' && c != '.' && c != '-' && c != '/' || i == 0 && '0' <= c && c <= '9' {
			return false
		}
	}
	return len(b) > 0
}

// constant is a name in capitals.
var constant = regexp.MustCompile(`^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$`)

// words reports whether most of b is words in camel case or snake case, which
// random text is not.
func words(b []byte) bool {
	in, run, capital := 0, 0, false
	end := func() {
		if run >= 4 || run == 3 && capital {
			in += run
		}
		run, capital = 0, false
	}
	for i, c := range b {
		lower, upper := 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z'
		switch {
		case lower:
			run++
		case upper:
			if i > 0 && 'A' <= b[i-1] && b[i-1] <= 'Z' {
				run = 0 // capitals in a row are no word
			}
			end()
			run, capital = 1, true
		default:
			end()
		}
	}
	end()
	return in*100 >= len(b)*65 || constant.Match(b)
}

// inBase64 reports whether the secret is a piece of a longer text in base64:
// the characters beside it go on with it, and look random.
func inBase64(t *Text) bool {
	lo, hi := t.Secret.Start, t.Secret.End
	start, end := lo, hi
	for start > 0 && lo-start < 200 && base64Byte(t.All[start-1]) {
		start--
	}
	for end < len(t.All) && end-hi < 200 && base64Byte(t.All[end]) {
		end++
	}
	before, after := t.All[start:lo], t.All[hi:end]
	return len(before) >= 16 && random(before) || len(after) >= 16 && (after[0] == '+' || after[0] == '/') && random(after)
}

func base64Byte(b byte) bool { return alnum(b) || b == '+' || b == '/' }

// random reports whether b has capitals, small letters and digits, and no
// words.
func random(b []byte) bool {
	var upper, lower, digit bool
	for _, c := range b {
		upper = upper || 'A' <= c && c <= 'Z'
		lower = lower || 'a' <= c && c <= 'z'
		digit = digit || '0' <= c && c <= '9'
	}
	return upper && lower && digit && !words(b)
}
