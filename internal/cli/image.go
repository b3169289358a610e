package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/image"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets"
)

// imageFlags say how images are opened.
type imageFlags struct {
	platform  string
	base      string
	plainHTTP bool
}

func (f *imageFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.platform, "platform", "", "of an image for several platforms, the one that is meant, such as linux/amd64 (default all)")
	fl.StringVar(&f.base, "base", "", "the image that the image is built on, whose layers belong to the base; \"auto\" fetches the one that its annotations name")
	fl.BoolVar(&f.plainHTTP, "plain-http", false, "reach registries without TLS")
}

// baseAuto is the value of --base that means the base of the annotations.
const baseAuto = "auto"

// scanImage opens an image and scans it, each platform on its own.
func (a *app) scanImage(ctx context.Context, cfg *config.Config, f *scanFlags, ref string, documents bool, now time.Time) (_ *gatehouse.Report, err error) {
	client := registry.New(registry.Options{PlainHTTP: f.image.plainHTTP})
	root, err := image.Open(ctx, ref, client, image.Selection{Platform: f.image.platform})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	attached, err := root.Referrers(ctx)
	if err != nil {
		a.say("what is attached to the image is not known: %s", err)
	}
	report, err := a.scanTarget(ctx, cfg, f, ref, func(scan scanFunc, listings gatehouse.Cache) (*gatehouse.Report, error) {
		var names []string
		var parts []*gatehouse.Report
		for _, img := range root.Images {
			part, err := a.scanPlatform(ctx, client, f.image.base, img, listings, scan)
			if err != nil {
				return nil, err
			}
			names, parts = append(names, img.Platform), append(parts, part)
		}
		return joinImages(root, ref, names, parts, attached)
	}, documents, now)
	if err != nil {
		return nil, err
	}
	if a.verbose {
		a.say("%d requests to registries", client.Requests())
	}
	return report, nil
}

// scanPlatform scans an image for one platform.
func (a *app) scanPlatform(ctx context.Context, client *registry.Client, baseRef string, img *image.Image, listings gatehouse.Cache, scan scanFunc) (_ *gatehouse.Report, err error) {
	base, err := findBase(ctx, client, img, baseRef)
	if err != nil {
		return nil, err
	}
	files := img.Files(listings)
	defer func() { err = errors.Join(err, files.Close()) }()
	report, err := scan(files.Target())
	if err != nil {
		return nil, err
	}
	files.Attribute(report, base, secrets.Mask())
	return report, nil
}

// joinImages makes one report of those of all platforms.
func joinImages(root *image.Root, ref string, names []string, parts []*gatehouse.Report, attached []gatehouse.Attached) (*gatehouse.Report, error) {
	info := &gatehouse.ImageInfo{Made: root.Made, Attached: attached}
	if root.Index {
		info.Index = root.Digest
	}
	for _, p := range parts {
		info.Platforms = append(info.Platforms, p.Target.Image.Platforms...)
	}
	if len(parts) == 1 {
		target := &parts[0].Target
		target.Image = info
		if root.Complete {
			target.Digest = root.Digest
		}
		return parts[0], nil
	}
	return gatehouse.JoinPlatforms(gatehouse.TargetInfo{Kind: gatehouse.TargetImage, Name: ref, Digest: root.Digest, Image: info}, names, parts)
}

// findBase finds out what an image is built on: what the user says, or what the
// image says of itself. It is nil if nobody says.
func findBase(ctx context.Context, client *registry.Client, img *image.Image, ref string) (*gatehouse.BaseImage, error) {
	said := img.Base()
	if ref == "" {
		return said, nil
	}
	if ref == baseAuto {
		switch {
		case said == nil || said.Name == "":
			return nil, fmt.Errorf("--base auto: %s does not say what it is built on: name it with --base REFERENCE", img.Name)
		case said.Digest != "":
			ref = image.WithDigest(said.Name, said.Digest)
		default:
			ref = said.Name
		}
	}
	root, err := image.Open(ctx, ref, client, image.Selection{Platform: img.Platform})
	if err != nil {
		return nil, fmt.Errorf("--base: %w", err)
	}
	base, err := img.BuiltOn(root.Images[0], ref)
	if err == nil && root.Index {
		base.Digest = root.Digest
	}
	return base, errors.Join(err, root.Close())
}
