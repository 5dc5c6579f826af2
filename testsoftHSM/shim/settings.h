/*
 * settings is what one version of the control file says. Parsing it touches
 * nothing else, so it can be fuzzed by itself.
 */
#ifndef SIGNET_SM2SHIM_SETTINGS_H
#define SIGNET_SM2SHIM_SETTINGS_H

#include "control.h"

#define QUIRK_MAX 16 /* mechanisms that one file can bend */

struct settings {
	struct fault fault[FN_COUNT];
	enum spoil spoil;
	struct rate spoil_rate;
	unsigned long signatures; /* since the file was read */
	bool lie[LIE_COUNT];
	enum randomness random;
	struct profile profile;
	struct quirk quirk[QUIRK_MAX];
	size_t quirks;
	unsigned profile_set; /* bit per row of the profile table: no key twice */
};

/* settings_defaults: no fault, no lie, Sansec's numbers. */
void settings_defaults(struct settings *s);

/* What is wrong with a control file. The strings live as long as its text. */
struct mistake {
	unsigned line;
	const char *key; /* the line up to its '=' */
	const char *why;
};

/* settings_parse reads text, which it changes. False: *m says what is wrong. */
bool settings_parse(struct settings *s, char *text, struct mistake *m);

/* rate_strikes tells whether the nth call (from 1) is one that is struck. */
bool rate_strikes(struct rate r, unsigned long n);

#endif
