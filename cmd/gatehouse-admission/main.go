// Command gatehouse-admission is the webhook that lets into a cluster only what is
// attested as its configuration asks for.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/gatehouse-sec/gatehouse/admission/kube"
	"github.com/gatehouse-sec/gatehouse/admission/server"
	_ "github.com/gatehouse-sec/gatehouse/internal/needs_GOEXPERIMENT_jsonv2"
)

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version = ""

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "gatehouse-admission:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var opts server.Options
	f := flag.NewFlagSet("gatehouse-admission", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&opts.Config, "config", "", "file that says which images need which attestations")
	f.StringVar(&opts.Listen, "listen", ":8443", "where API servers ask")
	f.StringVar(&opts.Certificate, "tls-cert", "", "certificate of the server in PEM, read again when it changes")
	f.StringVar(&opts.Key, "tls-key", "", "its key in PEM")
	f.StringVar(&opts.MetricsListen, "metrics-listen", "", "where /metrics, /healthz and /readyz are, without TLS (default nowhere)")
	f.DurationVar(&opts.Every, "reload-every", 10*time.Second, "how often the files are looked at")
	f.DurationVar(&opts.Drain, "drain", 5*time.Second, "how long requests are taken after SIGTERM")
	pullSecrets := f.Bool("pull-secrets", false, "log in to registries with the pull secrets of pods, which the API server is asked for")
	showVersion := f.Bool("version", false, "print the version")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if *showVersion {
		_, err := fmt.Fprintln(stdout, "gatehouse-admission", buildVersion())
		return err
	}
	switch {
	case f.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	case opts.Config == "" || opts.Certificate == "" || opts.Key == "":
		return errors.New("--config, --tls-cert and --tls-key are needed")
	case opts.Every <= 0 || opts.Drain < 0:
		return errors.New("--reload-every must be positive, and --drain not negative")
	}
	if *pullSecrets {
		client, err := kube.InCluster(os.Getenv)
		if err != nil {
			return fmt.Errorf("--pull-secrets: %w", err)
		}
		opts.Secrets = client
	}
	log := slog.New(slog.NewJSONHandler(stdout, nil))
	slog.SetDefault(log)
	s, err := server.Start(opts, log, time.Now)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
