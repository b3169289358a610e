package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/sign"
	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

func (a *app) keyCommand() *cobra.Command {
	return group("key", "Make and show keys that sign attestations", a.keyGenerateCommand(), a.keyPublicCommand())
}

func (a *app) keyGenerateCommand() *cobra.Command {
	var prefix string
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Make a key pair",
		Long: `generate makes an ECDSA key on the curve P-256, and writes its private part,
encrypted with a password, to PREFIX.key and its public part to PREFIX.pub.
cosign reads both, and gatehouse reads those that 'cosign generate-key-pair'
made.

The password is taken from GATEHOUSE_PASSWORD or COSIGN_PASSWORD, or asked for on
the terminal. Files that are there already are not overwritten.`,
		Example: "  gatehouse key generate --output-prefix release",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			private, public := prefix+".key", prefix+".pub"
			for _, name := range []string{private, public} {
				if _, err := os.Lstat(name); err == nil {
					return fmt.Errorf("%s is there already: remove it, or choose another --output-prefix", name)
				}
			}
			password, err := a.password(true)
			if err != nil {
				return err
			}
			text, key, err := sign.GenerateKey(password)
			if err != nil {
				return err
			}
			if err := writeNew(private, text, 0o600); err != nil {
				return err
			}
			if err := writeNew(public, key.PEM(), 0o644); err != nil {
				return errors.Join(err, os.Remove(private))
			}
			a.say("the private key is in %s, the public key in %s (%s)", private, public, key.ID())
			return nil
		},
	}
	cmd.Flags().StringVar(&prefix, "output-prefix", "gatehouse", "what the names of the two files start with")
	return cmd
}

func (a *app) keyPublicCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "public KEY",
		Short:   "Print the public part of a private key, in a file or in a service",
		Example: "  gatehouse key public release.key > release.pub\n  gatehouse key public awskms:///alias/release > release.pub",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := a.messageSigner(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(key.Public().PEM())
			return err
		},
	}
}

// writeNew writes a file that is not there yet.
func writeNew(name string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, errors.Join(err, os.Remove(name)))
	}
	return nil
}

// password is that of a private key: from the environment, or from the terminal,
// where that of a new key is asked for twice.
func (a *app) password(isNew bool) ([]byte, error) {
	for _, name := range []string{"GATEHOUSE_PASSWORD", "COSIGN_PASSWORD"} {
		for _, kv := range slices.Backward(a.env) {
			if value, ok := strings.CutPrefix(kv, name+"="); ok { // an empty one is one too
				return []byte(value), nil
			}
		}
	}
	f, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, errors.New("the private key needs a password: set GATEHOUSE_PASSWORD (it may be empty), or call this from a terminal")
	}
	first, err := a.ask(f, "password of the private key: ")
	if err != nil || !isNew {
		return first, err
	}
	second, err := a.ask(f, "the same again: ")
	if err != nil {
		return nil, err
	}
	if string(first) != string(second) {
		return nil, errors.New("the two passwords differ; nothing was written")
	}
	return first, nil
}

func (a *app) ask(f *os.File, prompt string) ([]byte, error) {
	if _, err := io.WriteString(a.stderr, prompt); err != nil {
		return nil, err
	}
	b, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(a.stderr)
	if err != nil {
		return nil, fmt.Errorf("read the password: %w", err)
	}
	return b, nil
}

// messageSigner is the private key in a file, or in a service.
func (a *app) messageSigner(ctx context.Context, name string) (sign.MessageSigner, error) {
	if sign.IsRemoteKey(name) {
		return sign.OpenRemoteKey(ctx, name, a.stderr)
	}
	return a.loadKey(name)
}

// loadKey reads the private key in a file.
func (a *app) loadKey(name string) (*sign.Key, error) {
	text, err := config.ReadBounded(name, limits.MaxKeyBytes)
	if err != nil {
		return nil, fmt.Errorf("read the private key: %w", err)
	}
	key, err := sign.ParseKey(text, func() ([]byte, error) { return a.password(false) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return key, nil
}

// loadPublicKey reads the public key in a file.
func loadPublicKey(name string) (attest.PublicKey, error) {
	text, err := config.ReadBounded(name, limits.MaxKeyBytes)
	if err != nil {
		return attest.PublicKey{}, fmt.Errorf("read the public key: %w", err)
	}
	key, err := attest.ParsePublicKey(text)
	if err != nil {
		return key, fmt.Errorf("%s: %w", name, err)
	}
	return key, nil
}
