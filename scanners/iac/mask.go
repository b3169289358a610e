package iac

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxMessageBytes bounds what a finding quotes of the configuration.
const maxMessageBytes = 600

// What checks quote can hold secrets: a command with a password, a URL with
// credentials. These find the text before a secret and the secret.
var (
	assigned    = regexp.MustCompile(`(?i)([\w.-]*(?:passw(?:or)?d|passwd|pwd|passphrase|secret|token|credential|api[_-]?key|access[_-]?key|private[_-]?key|authorization)[\w.-]*["']?\s*[=:]\s*(?:bearer\s+|basic\s+)?)("[^"]*"|'[^']*'|[^\s"'&|;,]+)`)
	option      = regexp.MustCompile(`(?i)(\s--?(?:p|u|user|pass|password|token|secret|api-?key)[\s=]\s*)("[^"]*"|'[^']*'|[^\s"'&|;]+)`)
	credentials = regexp.MustCompile(`(://[^\s/:@]*:)([^\s/@]+)(@)`)
)

// mask replaces what may be a secret in a message, and shortens it.
func mask(message string) string {
	// Most messages need none of the expressions, which are slow.
	if strings.Contains(message, "://") {
		message = credentials.ReplaceAllString(message, "$1***$3")
	}
	if strings.ContainsAny(message, "=:") {
		message = assigned.ReplaceAllString(message, "$1***")
	}
	if strings.Contains(message, "-") {
		message = option.ReplaceAllString(message, "$1***")
	}
	message = strings.ToValidUTF8(message, "\uFFFD")
	if len(message) <= maxMessageBytes {
		return message
	}
	cut := maxMessageBytes
	for !utf8.RuneStart(message[cut]) {
		cut--
	}
	return message[:cut] + "…"
}
