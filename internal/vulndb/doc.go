// Package vulndb reads a vulnerability database: the file format of trivy-db,
// schema version 2, which is a bbolt file beside a metadata.json.
//
// A database that is missing, damaged or empty is an error and never a
// database without advisories. It is opened read-only, nothing is written
// beside it, and any number of processes may share it. Sub-package osvimport
// builds one from advisory files, pull fetches one, builder writes the file.
package vulndb
