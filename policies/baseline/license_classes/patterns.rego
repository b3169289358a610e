package gatehouse.baseline.license_classes

# order has the classes, strictest first. They are those that Google's review of
# licences uses: see https://opensource.google/documentation/reference/thirdparty/licenses.
order := ["forbidden", "unknown", "restricted", "reciprocal", "notice", "permissive", "unencumbered"]

# patterns are SPDX ids in lower case; * stands for any characters.
patterns := {
	# Use by others over a network, or use at all, has conditions.
	"forbidden": {
		"agpl-*", "sspl-*", "busl-*", "bsl-1.1", "elastic-*", "rsal*", "commons-clause", "polyform-*", "cc-by-nc*", "cpal-1.0", "parity-*",
		"prosperity-*", "json", "hippocratic-*", "fsl-*", "cc-by-nd*", "aladdin", "unlicensed",
	},
	"unknown": set(),
	# Who ships a work that has it in it must give the source of that work.
	"restricted": {
		"gpl-*", "lgpl-*", "lgpllr", "gfdl-*", "osl-*", "qpl-*", "sleepycat", "cecill-1*", "cecill-2*", "eupl-*", "cc-by-sa-*", "odbl-*", "npl-*", "rpl-*",
		"oclc-2.0", "copyleft-next-*", "ngpl", "simpl-2.0", "liliq-rplus-*", "ecos-*", "ms-rl", "apsl-1*",
	},
	# Changes to it must be given away with their source.
	"reciprocal": {
		"mpl-*", "epl-*", "cddl-*", "cpl-*", "ipl-*", "apsl-2.0", "spl-1.0", "erlpl-1.1", "ofl-*", "cecill-c", "liliq-r-*", "nasa-1.3", "sissl*",
	},
	# Its text must go with it.
	"notice": {
		"mit", "mit-cmu", "mit-advertising", "mit-modern-variant", "apache-*", "bsd-*", "isc", "zlib", "zlib-acknowledgement", "x11*", "python-2*", "psf-2.0", "cnri-*",
		"bsl-1.0", "artistic-*", "afl-*", "ruby", "php-*", "openssl*", "ssleay*", "unicode-*", "ncsa", "postgresql", "libpng*", "ijg*", "curl", "ftl", "hpnd*",
		"icu", "w3c*", "zpl-*", "cc-by-1.0", "cc-by-2.*", "cc-by-3.0*", "cc-by-4.0", "cecill-b", "ecl-*", "efl-*", "ms-pl", "mulanpsl-*", "ntp*", "upl-1.0", "vim", "xnet",
		"bzip2-*", "tcl", "smlnj", "info-zip", "intel", "lpl-*", "naist-2003", "naumen", "pil", "tu-berlin-*", "unlicense-libtelnet",
		"linux-openib", "sgi-b-*", "wxwindows", "odc-by-1.0", "cdla-permissive-*", "ofl-1.0-rfn", "blueoak-1.0.0", "json-c", "snia", "spencer-*", "bitstream-vera", "etalab-2.0",
	},
	# It asks for nothing, though somebody has the copyright.
	"permissive": {"mit-0", "wtfpl", "fsfap*", "fsful*", "beerware", "bola*"},
	# Nobody has the copyright, or claims it.
	"unencumbered": {"cc0-1.0", "unlicense", "0bsd", "pddl-1.0", "cc-pddc", "libselinux-1.0", "blessing", "sax-pd*", "nist-pd*"},
}
