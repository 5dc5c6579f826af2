package main

import (
	"time"
)

// localForms are how people write a time by the clock of a place.
var localForms = []string{"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"}

// A placing finds out by whose clock a time is meant; nil if nobody says.
type placing func() (*time.Location, error)

// here is the clock of this machine.
func here() (*time.Location, error) { return time.Local, nil }

// readInstant reads the value of a flag: a time with its offset, or one by the
// clock of a place. Whose that is is asked for only then.
func readInstant(flag, text string, whose placing) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	for _, form := range localForms {
		reading, err := time.Parse(form, text)
		if err != nil {
			continue
		}
		place, err := whose()
		switch {
		case err != nil:
			return time.Time{}, err
		case place == nil:
			return time.Time{}, usage(msgNoZone, flag, text)
		}
		return theInstant(flag, text, reading, place)
	}
	return time.Time{}, usage(msgBadTime, flag, text)
}

// theInstant refuses a reading that a clock skips or shows twice: nobody can
// tell which of the two was meant.
func theInstant(flag, text string, reading time.Time, place *time.Location) (time.Time, error) {
	switch all := instantsShowing(reading, place); len(all) {
	case 0:
		return time.Time{}, usage(msgTimeSkipped, flag, text, place)
	case 1:
		return all[0], nil
	default:
		return time.Time{}, usage(msgTimeTwice, flag, text, place, all[0].Format(time.RFC3339), all[1].Format(time.RFC3339))
	}
}

// instantsShowing returns when the clock of place shows a reading, which is
// given as if it were UTC: with the offset before a change of the clock and
// with the one after it, as far as these differ.
func instantsShowing(reading time.Time, place *time.Location) []time.Time {
	const around = 26 * time.Hour // further than any offset
	var all []time.Time
	for _, near := range []time.Duration{-around, around} {
		_, offset := reading.Add(near).In(place).Zone()
		at := reading.Add(-time.Duration(offset) * time.Second).In(place)
		shows := at.Format(time.DateTime) == reading.Format(time.DateTime)
		if shows && (len(all) == 0 || !all[0].Equal(at)) {
			all = append(all, at)
		}
	}
	return all
}
