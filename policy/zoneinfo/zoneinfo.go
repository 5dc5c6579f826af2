// Package zoneinfo has the time zones of the IANA database, as they were when
// this program was built. What a policy counts must not depend on the files
// or the environment of the machine that reads it.
package zoneinfo

import (
	"archive/zip"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:generate ./update

// archive is lib/time/zoneinfo.zip of a Go release; the data is in the public
// domain.
//
//go:embed zoneinfo.zip
var archive string

//go:embed edition.txt
var edition string

// Edition names the edition of the database, such as "2025c".
func Edition() string { return strings.TrimSpace(edition) }

// loaded has one *time.Location for each name that was asked for, so that
// equal zones are equal pointers.
var loaded sync.Map

var entries = sync.OnceValues(func() (map[string]*zip.File, error) {
	r, err := zip.NewReader(strings.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, err
	}
	byName := make(map[string]*zip.File, len(r.File))
	for _, f := range r.File {
		byName[f.Name] = f
	}
	return byName, nil
})

// Names returns the names of all zones, in order.
func Names() []string {
	all, err := entries()
	if err != nil {
		return nil
	}
	var names []string
	for name := range all {
		if !strings.HasSuffix(name, "/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Load returns the zone of that exact name, the same pointer each time. "" and
// "Local", which mean something to package time, are no names of the database.
func Load(name string) (*time.Location, error) {
	if zone, ok := loaded.Load(name); ok {
		return zone.(*time.Location), nil
	}
	all, err := entries()
	if err != nil {
		return nil, fmt.Errorf("opening the time zones of this program: %w", err)
	}
	file, ok := all[name]
	if !ok {
		return nil, fmt.Errorf(`%.80q is no time zone: want a name of the IANA time zone database, such as "Asia/Shanghai"`, name)
	}
	zone, err := read(file)
	if err != nil {
		return nil, fmt.Errorf("reading time zone %s: %w", name, err)
	}
	kept, _ := loaded.LoadOrStore(name, zone)
	return kept.(*time.Location), nil
}

func read(file *zip.File) (*time.Location, error) {
	r, err := file.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return time.LoadLocationFromTZData(file.Name, data)
}
