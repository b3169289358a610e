package gatehouse.baseline.lib_test

import data.gatehouse.baseline.lib

test_package_text if {
	lib.package_text({"name": "a", "version": "1"}) == "a 1"
	lib.package_text({"name": "a", "version": ""}) == "a"
}

test_at_least if {
	lib.at_least("HIGH", "HIGH")
	lib.at_least("CRITICAL", "HIGH")
	not lib.at_least("MEDIUM", "HIGH")
}

test_levels if {
	lib.levels("HIGH", "HIGH") == {"HIGH", "CRITICAL", "UNKNOWN"}
	lib.levels("HIGH", "LOW") == {"HIGH", "CRITICAL"}
	lib.levels("UNKNOWN", "UNKNOWN") == {"UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"}
}
