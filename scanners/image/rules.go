package image

import "github.com/gatehouse-sec/gatehouse"

// The ids of the rules.
const (
	ruleRoot   = "IMG-0001"
	ruleSSH    = "IMG-0002"
	ruleADD    = "IMG-0003"
	ruleSetuid = "IMG-0004"
	ruleTLS    = "IMG-0005"
	ruleHealth = "IMG-0006"
	ruleLabels = "IMG-0007"
)

var rules = []gatehouse.Rule{
	{
		ID: ruleRoot, Title: "The image runs as root", Kind: gatehouse.KindMisconfiguration, Severity: gatehouse.SeverityHigh,
		Description: "A process that breaks out of a container as root is root on its host, and within the container nothing limits it.",
		Fix:         "End the Dockerfile with USER and a number that is not 0.",
		References:  []string{"https://docs.docker.com/build/building/best-practices/#user"},
	},
	{
		ID: ruleSSH, Title: "The image exposes SSH", Kind: gatehouse.KindMisconfiguration, Severity: gatehouse.SeverityMedium,
		Description: "A container that is administered from within has credentials and a server that nobody needs: the runtime starts a shell in it.",
		Fix:         "Remove EXPOSE 22 and the SSH server.",
		References:  []string{"https://docs.docker.com/reference/dockerfile/#expose"},
	},
	{
		ID: ruleADD, Title: "The build adds a file from a URL without a checksum", Kind: gatehouse.KindMisconfiguration, Severity: gatehouse.SeverityMedium,
		Description: "Whoever controls the URL, or the way to it, decides what is in the image, and each build may get something else.",
		Fix:         "Give the digest: ADD --checksum=sha256:… URL, or copy a file that is in the repository.",
		References:  []string{"https://docs.docker.com/reference/dockerfile/#add---checksum"},
	},
	{
		ID: ruleSetuid, Title: "A program has the rights of its owner or group", Kind: gatehouse.KindMisconfiguration, Severity: gatehouse.SeverityLow,
		Description: "With setuid or setgid, a process that is not root becomes so by running the program, unless the runtime forbids new privileges.",
		Fix:         "Remove the bits in the build (chmod a-s), or the package, and run with no-new-privileges.",
		References:  []string{"https://man7.org/linux/man-pages/man7/inode.7.html"},
	},
	{
		ID: ruleTLS, Title: "A variable turns the verification of certificates off", Kind: gatehouse.KindMisconfiguration, Severity: gatehouse.SeverityHigh,
		Description: "All connections of the programs that heed the variable can be read and changed on their way.",
		Fix:         "Remove the variable, and add the authority that is missing to the trusted ones.",
		References:  []string{"https://nodejs.org/api/cli.html#node_tls_reject_unauthorizedvalue"},
	},
	{
		ID: ruleHealth, Title: "The image has no health check", Kind: gatehouse.KindMisconfiguration, Severity: gatehouse.SeverityLow,
		Description: "Docker and Compose do not notice that the program hangs. Kubernetes does not look at it: there a probe of the workload does the same.",
		Fix:         "Add HEALTHCHECK to the Dockerfile.",
		References:  []string{"https://docs.docker.com/reference/dockerfile/#healthcheck"},
	},
	{
		ID: ruleLabels, Title: "The image does not say what it was built from", Kind: gatehouse.KindMisconfiguration, Severity: gatehouse.SeverityLow,
		Description: "Without repository and revision, nobody finds from an image in use the source that is to be corrected.",
		Fix:         "Set the labels org.opencontainers.image.source and org.opencontainers.image.revision in the build.",
		References:  []string{"https://github.com/opencontainers/image-spec/blob/main/annotations.md"},
	},
}
