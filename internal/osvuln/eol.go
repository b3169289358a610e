package osvuln

// ends are the days on which the last public updates of a release came or will
// come, by the name of the ecosystem; where a project keeps them up longer for
// all its users (Debian's LTS) that counts, and where it is for customers
// (Ubuntu's ESM) it does not. Releases without a day are not here.
var ends = map[string]string{
	// https://wiki.debian.org/LTS and https://wiki.debian.org/DebianReleases
	"debian 6": "2016-02-29", "debian 7": "2018-05-31", "debian 8": "2020-06-30", "debian 9": "2022-06-30", "debian 10": "2024-06-30",
	"debian 11": "2026-08-31", "debian 12": "2028-06-30", "debian 13": "2030-06-30",
	// https://wiki.ubuntu.com/Releases
	"ubuntu 12.04": "2017-04-28", "ubuntu 14.04": "2019-04-25", "ubuntu 16.04": "2021-04-30", "ubuntu 18.04": "2023-05-31",
	"ubuntu 18.10": "2019-07-18", "ubuntu 19.04": "2020-01-23", "ubuntu 19.10": "2020-07-17", "ubuntu 20.04": "2025-05-31",
	"ubuntu 20.10": "2021-07-22", "ubuntu 21.04": "2022-01-20", "ubuntu 21.10": "2022-07-14", "ubuntu 22.04": "2027-04-30",
	"ubuntu 22.10": "2023-07-20", "ubuntu 23.04": "2024-01-25", "ubuntu 23.10": "2024-07-11", "ubuntu 24.04": "2029-05-31",
	"ubuntu 24.10": "2025-07-10", "ubuntu 25.04": "2026-01-15", "ubuntu 25.10": "2026-07-01", "ubuntu 26.04": "2031-05-31",
	// https://alpinelinux.org/releases/
	"alpine 3.3": "2017-11-01", "alpine 3.4": "2018-05-01", "alpine 3.5": "2018-11-01", "alpine 3.6": "2019-05-01", "alpine 3.7": "2019-11-01",
	"alpine 3.8": "2020-05-01", "alpine 3.9": "2020-11-01", "alpine 3.10": "2021-05-01", "alpine 3.11": "2021-11-01", "alpine 3.12": "2022-05-01",
	"alpine 3.13": "2022-11-01", "alpine 3.14": "2023-05-01", "alpine 3.15": "2023-11-01", "alpine 3.16": "2024-05-23", "alpine 3.17": "2024-11-22",
	"alpine 3.18": "2025-05-09", "alpine 3.19": "2025-11-01", "alpine 3.20": "2026-04-01", "alpine 3.21": "2026-11-01", "alpine 3.22": "2027-05-01",
	"alpine 3.23": "2027-11-01",
	// https://wiki.rockylinux.org/rocky/version/
	"rocky 8": "2029-05-31", "rocky 9": "2032-05-31", "rocky 10": "2035-05-31",
	// https://wiki.almalinux.org/release-notes/
	"alma 8": "2029-05-31", "alma 9": "2032-05-31", "alma 10": "2035-05-31",
	// https://www.oracle.com/a/ocom/docs/elsp-lifetime-069338.pdf
	"Oracle Linux 5": "2017-06-30", "Oracle Linux 6": "2021-03-31", "Oracle Linux 7": "2024-12-31", "Oracle Linux 8": "2029-07-31", "Oracle Linux 9": "2032-06-30",
	// https://aws.amazon.com/amazon-linux-2/faqs/ and https://docs.aws.amazon.com/linux/al2023/ug/release-cadence.html
	"amazon linux 1": "2023-12-31", "amazon linux 2": "2026-06-30", "amazon linux 2023": "2029-06-30",
	// https://access.redhat.com/support/policy/updates/errata; of CentOS, the last
	// that was a rebuild is 7.
	"Red Hat 5": "2017-03-31", "Red Hat 6": "2020-11-30", "Red Hat 7": "2024-06-30", "Red Hat 8": "2029-05-31", "Red Hat 9": "2032-05-31", "Red Hat 10": "2035-05-31",
	// https://www.suse.com/lifecycle/
	"SUSE Linux Enterprise 12.5": "2024-10-31", "SUSE Linux Enterprise 15": "2019-12-31", "SUSE Linux Enterprise 15.1": "2021-01-31",
	"SUSE Linux Enterprise 15.2": "2021-12-31", "SUSE Linux Enterprise 15.3": "2022-12-31", "SUSE Linux Enterprise 15.4": "2023-12-31",
	"SUSE Linux Enterprise 15.5": "2024-12-31", "SUSE Linux Enterprise 15.6": "2025-12-31", "SUSE Linux Enterprise 15.7": "2031-07-31",
	"SUSE Linux Enterprise 16.0": "2027-11-30", "SUSE Linux Enterprise Micro 5.0": "2022-03-31", "SUSE Linux Enterprise Micro 5.1": "2025-10-31",
	"SUSE Linux Enterprise Micro 5.2": "2026-04-30", "SUSE Linux Enterprise Micro 5.3": "2026-10-30", "SUSE Linux Enterprise Micro 5.4": "2027-04-30",
	"SUSE Linux Enterprise Micro 5.5": "2027-10-31", "SUSE Linux Enterprise Micro 6.0": "2028-06-30", "SUSE Linux Enterprise Micro 6.1": "2028-11-30",
	// https://en.opensuse.org/Lifetime
	"openSUSE Leap 42.3": "2019-06-30", "openSUSE Leap 15.0": "2019-12-03", "openSUSE Leap 15.1": "2021-02-02", "openSUSE Leap 15.2": "2022-01-04",
	"openSUSE Leap 15.3": "2022-12-31", "openSUSE Leap 15.4": "2023-12-07", "openSUSE Leap 15.5": "2024-12-31", "openSUSE Leap 15.6": "2026-04-30",
	"openSUSE Leap 16.0": "2027-10-31",
	// https://blogs.vmware.com/cloud-foundation/ (end of support of Photon OS)
	"Photon OS 1.0": "2022-02-28", "Photon OS 2.0": "2022-12-31", "Photon OS 3.0": "2024-03-01", "Photon OS 4.0": "2026-03-31",
	// https://learn.microsoft.com/en-us/azure/azure-linux/support-cycle
	"CBL-Mariner 1.0": "2023-07-31", "CBL-Mariner 2.0": "2025-07-31",
}

// EndOfLife is the day, as 2006-01-02, after which nobody publishes updates and
// advisories for all users of the system; empty if it is not known or there is
// none.
func (s *System) EndOfLife() string { return ends[s.Ecosystem] }
