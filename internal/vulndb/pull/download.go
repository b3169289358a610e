package pull

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// partialPrefix is how the file of a download is called that is not complete,
// in the directory of the database. The digest follows.
const partialPrefix = ".gatehouse-download-"

// maxTries is how often a download is continued without getting any further.
const maxTries = 4

// blob is the layer of a database in a registry.
type blob struct {
	client *http.Client
	url    string
	digest v1.Hash
	size   int64
}

func newBlob(ctx context.Context, ref name.Reference, digest v1.Hash, size int64, opts Options) (*blob, error) {
	keys := opts.Keychain
	if keys == nil {
		keys = authn.DefaultKeychain
	}
	repo := ref.Context()
	auth, err := authn.Resolve(ctx, keys, repo)
	if err != nil {
		return nil, err
	}
	rt, err := transport.NewWithContext(ctx, repo.Registry, auth, opts.client(), []string{repo.Scope(transport.PullScope)})
	if err != nil {
		return nil, err
	}
	url := fmt.Sprintf("%s://%s/v2/%s/blobs/%s", repo.Scheme(), repo.RegistryStr(), repo.RepositoryStr(), digest)
	return &blob{client: &http.Client{Transport: rt}, url: url, digest: digest, size: size}, nil
}

// unpackInto downloads the blob and unpacks it into tmp. What was downloaded
// stays in dst until that is done, so that a later call goes on with it.
func (b *blob) unpackInto(ctx context.Context, dst, tmp string, opts Options) error {
	f, err := openPartial(dst, tmp, b.digest)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := b.download(ctx, f, opts); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if err := checkDigest("layer", b.digest, [sha256.Size]byte(h.Sum(nil))); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	err = unpack(tmp, f)
	// It is not needed any more, and if it is no database, never will be.
	os.Remove(f.Name())
	removePartials(dst)
	return err
}

// openPartial opens the file of the download, locked. If another process is
// at it, this one makes a file of its own.
func openPartial(dst, tmp string, digest v1.Hash) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dst, partialPrefix+digest.Hex), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o644)
	if err == nil {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return f, nil
		}
		f.Close()
	}
	return os.OpenFile(filepath.Join(tmp, "download"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
}

// removePartials deletes what broken downloads of other databases have left.
// Nothing depends on it, so errors do not matter.
func removePartials(dst string) {
	paths, _ := filepath.Glob(filepath.Join(dst, partialPrefix+"*"))
	for _, p := range paths {
		f, err := os.OpenFile(p, os.O_RDWR|syscall.O_NOFOLLOW, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			os.Remove(p)
		}
		f.Close()
	}
}

// download completes the file, going on where it ends.
func (b *blob) download(ctx context.Context, f *os.File, opts Options) error {
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if have > b.size {
		have = 0
	}
	for tries := 0; have < b.size; {
		got, err := b.part(ctx, f, have, opts)
		switch {
		case err == nil && got < b.size:
			err = io.ErrUnexpectedEOF
		case err == nil:
			return nil
		}
		if got > have {
			tries = 0
		}
		have = got
		if tries++; tries >= maxTries || !again(ctx, err) {
			return fmt.Errorf("after %d of %d bytes: %w", have, b.size, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(tries*tries) * 100 * time.Millisecond):
		}
	}
	return nil
}

// again reports whether another try may help.
func again(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EFBIG) || errors.Is(err, os.ErrPermission) {
		return false
	}
	var t *transport.Error
	return !errors.As(err, &t) || t.StatusCode >= http.StatusInternalServerError
}

// part reads from the byte have on, and returns up to where the file is good.
func (b *blob) part(ctx context.Context, f *os.File, have int64, opts Options) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url, nil)
	if err != nil {
		return have, err
	}
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return have, err
	}
	defer resp.Body.Close()
	if err := transport.CheckError(resp, http.StatusOK, http.StatusPartialContent); err != nil {
		return have, err
	}
	if resp.StatusCode == http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)) {
		if resp.StatusCode == http.StatusPartialContent {
			return 0, errors.New("the registry answers with another part than was asked for")
		}
		have = 0 // it cannot give a part
	}
	if err := f.Truncate(have); err != nil {
		return have, err
	}
	if _, err := f.Seek(have, io.SeekStart); err != nil {
		return have, err
	}
	body := &progress{ctx: ctx, r: io.LimitReader(resp.Body, b.size-have), done: have, total: b.size, tell: opts.Progress}
	n, err := io.Copy(f, body)
	return have + n, err
}
