// Package jsonnet evaluates Jsonnet programs from people who are not trusted.
//
// A program can run for ever and take all memory, and the interpreter has no
// bound on either, so it runs in a process of its own: [Evaluator] starts it and
// [Main] is what it does. It can read files below one directory, and nothing
// else: the language has no network, environment or clock.
package jsonnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/google/go-jsonnet"
)

// Evaluator evaluates programs.
type Evaluator struct {
	// Command starts a process that calls [Main] with the last two arguments.
	Command []string
	// Dir is the directory below which programs may import files. A program
	// that is not in it may import from its own directory.
	Dir string
}

// Evaluate gives the JSON that a program makes. File is its path, relative to
// the working directory; data is its text. The error is an
// [gatehouse.Unscannable].
func (e *Evaluator) Evaluate(ctx context.Context, file string, data []byte) ([]byte, error) {
	root, name := e.Dir, file
	rel, err := filepath.Rel(e.Dir, file)
	if err == nil && filepath.IsLocal(rel) {
		name = rel
	} else {
		root, name = filepath.Dir(file), filepath.Base(file)
	}
	ctx, cancel := context.WithTimeout(ctx, limits.JsonnetTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, e.Command[0], append(e.Command[1:], root, filepath.ToSlash(name))...)
	cmd.Env = []string{}
	cmd.Stdin = bytes.NewReader(data)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &bounded{w: &out, left: limits.MaxYAMLBytes + 1}, &bounded{w: &errs, left: 4 << 10}
	err = cmd.Run()
	message, _, _ := strings.Cut(strings.TrimPrefix(errs.String(), messageMark), "\n")
	switch {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, &gatehouse.Unscannable{Code: gatehouse.GapTimeout, Reason: fmt.Sprintf("the Jsonnet program runs for more than %v; judge what it makes instead", limits.JsonnetTimeout)}
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case out.Len() > limits.MaxYAMLBytes:
		return nil, &gatehouse.Unscannable{Code: gatehouse.GapTooLarge, Reason: fmt.Sprintf("the Jsonnet program makes more than %d bytes", limits.MaxYAMLBytes)}
	case err == nil:
		return out.Bytes(), nil
	case strings.HasPrefix(errs.String(), messageMark):
		return nil, &gatehouse.Unscannable{Code: gatehouse.GapParse, Reason: "the Jsonnet program gives no document: " + message}
	case strings.Contains(errs.String(), "out of memory"), strings.Contains(errs.String(), "cannot allocate memory"):
		return nil, &gatehouse.Unscannable{Code: gatehouse.GapTooLarge, Reason: fmt.Sprintf("the Jsonnet program needs more than %d MiB of memory; judge what it makes instead", limits.JsonnetBytes>>20)}
	}
	return nil, &gatehouse.Unscannable{Code: gatehouse.GapPanic, Reason: fmt.Sprintf("the process that ran the Jsonnet program ended: %v", err)}
}

// messageMark starts what [Main] says, unlike what the runtime of Go says when
// it ends the process.
const messageMark = "jsonnet: "

// Main evaluates the program that it reads, called name, and writes JSON. It may
// import what is below root. It bounds the memory of the process, and the error
// is for standard error.
func Main(root, name string, in io.Reader, out io.Writer) error {
	// Memory that is written to; on Linux this covers what is mapped.
	bound := syscall.Rlimit{Cur: limits.JsonnetBytes, Max: limits.JsonnetBytes}
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &bound); err != nil {
		return fmt.Errorf(messageMark+"the memory cannot be bounded: %w", err)
	}
	// The parent ends this process at the same time, unless it was ended itself.
	time.AfterFunc(limits.JsonnetTimeout+time.Second, func() { os.Exit(1) })
	dir, err := os.OpenRoot(root)
	if err != nil {
		return fmt.Errorf(messageMark+"open the directory of the program: %w", err)
	}
	defer dir.Close()
	data, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf(messageMark+"read the program: %w", err)
	}
	vm := jsonnet.MakeVM()
	vm.SetTraceOut(io.Discard)
	vm.Importer(&importer{dir: dir, read: map[string]jsonnet.Contents{name: jsonnet.MakeContentsRaw(data)}})
	text, err := vm.EvaluateFile(name)
	if err != nil {
		lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
		for i := range lines {
			lines[i] = strings.TrimSpace(lines[i])
		}
		if len(lines) > 1 { // the first place of the stack
			place, _, _ := strings.Cut(lines[1], "\t")
			lines[0] += " at " + place
		}
		return errors.New(messageMark + lines[0])
	}
	_, err = io.WriteString(out, text)
	return err
}

// importer reads files below a directory, each once; the program itself has been
// read.
type importer struct {
	dir  *os.Root
	read map[string]jsonnet.Contents
}

func (i *importer) Import(from, imported string) (jsonnet.Contents, string, error) {
	name := path.Join(path.Dir(from), imported)
	if path.IsAbs(imported) || !filepath.IsLocal(filepath.FromSlash(name)) {
		return jsonnet.Contents{}, "", fmt.Errorf("the import %q is outside of the directory that may be read", imported)
	}
	if c, ok := i.read[name]; ok {
		return c, name, nil
	}
	f, err := i.dir.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return jsonnet.Contents{}, "", fmt.Errorf("the import %q does not exist", imported)
		}
		return jsonnet.Contents{}, "", fmt.Errorf("the import %q cannot be read", imported)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > limits.MaxYAMLBytes {
		return jsonnet.Contents{}, "", fmt.Errorf("the import %q is no regular file of up to %d bytes", imported, limits.MaxYAMLBytes)
	}
	data, err := io.ReadAll(io.LimitReader(f, limits.MaxYAMLBytes))
	if err != nil {
		return jsonnet.Contents{}, "", fmt.Errorf("the import %q cannot be read", imported)
	}
	c := jsonnet.MakeContentsRaw(data)
	i.read[name] = c
	return c, name, nil
}

// bounded drops what is written beyond its bound.
type bounded struct {
	w    *bytes.Buffer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.left -= n
	b.w.Write(p[:n])
	return len(p), nil
}
