// Package gitstore reads git repositories without git: loose objects,
// packfiles with their indexes (version 2), alternates, refs and the index.
//
// All of it is foreign input. Each object is checked against its id, sizes are
// checked before memory is taken, and what cannot be read is an error that
// names the object. Nothing is written, and nothing outside the directories
// that the repository names is read.
//
// The formats are those of git's documentation: gitformat-pack, gitformat-index,
// gitrepository-layout.
package gitstore
