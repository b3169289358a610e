package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/image"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

// imageFlags say how images are opened.
type imageFlags struct {
	platform  string
	base      string
	plainHTTP bool
}

func (f *imageFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.platform, "platform", "", "of an image for several platforms, the one that is meant, such as linux/amd64")
	fl.StringVar(&f.base, "base", "", "the image that the image is built on, whose layers belong to the base")
	fl.BoolVar(&f.plainHTTP, "plain-http", false, "reach registries without TLS")
}

// scanImage opens an image and scans it.
func (a *app) scanImage(ctx context.Context, cfg *config.Config, f *scanFlags, ref string, documents bool, now time.Time) (_ *gatehouse.Report, err error) {
	client := registry.New(registry.Options{PlainHTTP: f.image.plainHTTP})
	root, err := image.Open(ctx, ref, client, image.Selection{Platform: f.image.platform})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if len(root.Images) > 1 {
		var platforms []string
		for _, img := range root.Images {
			platforms = append(platforms, img.Platform)
		}
		return nil, fmt.Errorf("%s has images for several platforms: choose one with --platform: %s", ref, strings.Join(platforms, ", "))
	}
	img := root.Images[0]
	baseLayers := 0
	if f.image.base != "" {
		if baseLayers, err = a.baseLayers(ctx, client, img, f.image.base); err != nil {
			return nil, err
		}
	}
	var files *image.FS
	defer func() {
		if files != nil {
			err = errors.Join(err, files.Close())
		}
	}()
	report, err := a.scanTarget(ctx, cfg, f, ref, func(c gatehouse.Cache) *gatehouse.Target {
		files = img.Files(c)
		return files.Target()
	}, documents, now)
	if err != nil {
		return nil, err
	}
	index := ""
	if root.Index {
		index = root.Digest
	}
	files.Attribute(report, index, baseLayers)
	if a.verbose {
		a.say("%d requests to registries", client.Requests())
	}
	return report, nil
}

func (a *app) baseLayers(ctx context.Context, client *registry.Client, img *image.Image, ref string) (int, error) {
	root, err := image.Open(ctx, ref, client, image.Selection{Platform: img.Platform})
	if err != nil {
		return 0, fmt.Errorf("--base: %w", err)
	}
	n, err := img.BaseLayers(root.Images[0])
	return n, errors.Join(err, root.Close())
}
