package limits

// Bounds on in-toto layouts, which may come from a stranger until their signature is
// checked.
const (
	// MaxLayoutBytes is the largest layout or link. A link names each file of a
	// source tree with its digest, about 150 bytes for each; the Linux kernel has
	// 90,000 files.
	MaxLayoutBytes = 32 << 20

	// MaxLayoutSteps bounds the steps and inspections of a layout. Those in use
	// have below ten.
	MaxLayoutSteps = 200

	// MaxLinks bounds the links for one layout: some for each step.
	MaxLinks = 1_000
)
