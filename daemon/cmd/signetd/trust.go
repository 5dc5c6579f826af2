package main

import (
	"errors"
	"fmt"
	"time"

	"signet/daemon/internal/certificate"
	firmwareconfig "signet/firmware-config"
)

// judgeTrust says what is wrong with the certificate of a [trust.NAME]. The
// words beside it have their own faults.
func judgeTrust(t firmwareconfig.Trust) error {
	_, faults := certificate.ParseAnchor(anchorText(t))
	for _, f := range faults {
		if f.Field == "certificate" {
			return errors.New(f.Problem)
		}
	}
	return nil
}

// trustOf is the CAs of a configuration that was loaded.
func trustOf(config firmwareconfig.Config) (certificate.Trust, error) {
	var anchors []certificate.Anchor
	var errs []error
	for _, t := range config.Trust {
		anchor, faults := certificate.ParseAnchor(anchorText(t))
		for _, f := range faults {
			errs = append(errs, fmt.Errorf("trust.%s.%s: %s", t.Name, f.Field, f.Problem))
		}
		anchors = append(anchors, anchor)
	}
	if errs != nil {
		return certificate.Trust{}, errors.Join(errs...)
	}
	return certificate.NewTrust(anchors...)
}

func anchorText(t firmwareconfig.Trust) certificate.AnchorText {
	text := certificate.AnchorText{
		Name: t.Name, Certificate: t.Data, Kind: t.Kind, Licence: t.Licence, From: t.From.Format(time.RFC3339),
	}
	if !t.Until.IsZero() {
		text.Until = t.Until.Format(time.RFC3339)
	}
	return text
}
