// Command kms reaches keys in the key management services of AWS, Azure and Google and
// in HashiCorp Vault for gatehouse, which starts it under the name sigstore-kms-NAME for
// a key NAME://…. It stands apart, as the libraries of the services are larger than
// gatehouse itself.
//
// https://github.com/sigstore/sigstore/tree/main/pkg/signature/kms/cliplugin
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/sigstore/sigstore/pkg/signature/kms"
	_ "github.com/sigstore/sigstore/pkg/signature/kms/aws"
	_ "github.com/sigstore/sigstore/pkg/signature/kms/azure"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/handler"
	_ "github.com/sigstore/sigstore/pkg/signature/kms/gcp"
	_ "github.com/sigstore/sigstore/pkg/signature/kms/hashivault"
)

const prefix = "sigstore-kms-"

func main() {
	err := run(context.Background(), os.Args, os.Stdin, os.Stdout)
	if err == nil {
		return
	}
	if _, told := err.(errAnswered); !told {
		err = handler.WriteErrorResponse(os.Stdout, err)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(1)
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	name := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	service, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return fmt.Errorf("this program is called %s: give it the name %sNAME, where NAME is awskms, azurekms, gcpkms or hashivault", name, prefix)
	}
	call, err := handler.GetPluginArgs(args)
	if err != nil {
		return err
	}
	if call.InitOptions == nil || call.MethodArgs == nil {
		return errors.New("the call says neither which key nor what to do")
	}
	key, err := kms.Get(ctx, service+"://"+call.InitOptions.KeyResourceID, call.InitOptions.HashFunc)
	if err != nil {
		return err
	}
	if _, err := handler.Dispatch(stdout, stdin, call, key); err != nil {
		return errAnswered{err} // Dispatch wrote it
	}
	return nil
}

// errAnswered is an error that the caller was already told.
type errAnswered struct{ error }
