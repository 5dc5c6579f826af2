#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"

/* Sansec's numbers, which most published SM2 code uses. */
static const struct profile sansec = {
	.key_type = 0x80000004UL,
	.keygen = 0x80008001UL,
	.sign_raw = 0x80008105UL,
	.sign_der = 0x80008104UL,
	.ec_point = POINT_OCTET,
	.private_ec_point = false,
};

static const char *const function_names[FN_COUNT] = {
#define X(name, params, args) #name,
	SHIM_FUNCTIONS(X)
#undef X
};

static const char *const spoil_names[] = {
	[SPOIL_WRONG] = "wrong",
	[SPOIL_MALFORMED_DER] = "malformed-der",
	[SPOIL_TRUNCATED] = "truncated",
	[SPOIL_ECDSA] = "ecdsa",
};

static const char *const random_names[] = {
	[RANDOM_CONSTANT] = "constant",
	[RANDOM_REPEAT] = "repeat",
	[RANDOM_BIASED] = "biased",
};

static const char *const lie_names[LIE_COUNT] = {
	[LIE_EXTRACTABLE] = "extractable",
	[LIE_NOT_SENSITIVE] = "not_sensitive",
	[LIE_NOT_ALWAYS_SENSITIVE] = "not_always_sensitive",
	[LIE_NOT_NEVER_EXTRACTABLE] = "not_never_extractable",
	[LIE_NOT_LOCAL] = "not_local",
	[LIE_NOT_PRIVATE] = "not_private",
	[LIE_NO_SIGN] = "no_sign",
	[LIE_DECRYPT] = "decrypt",
	[LIE_UNWRAP] = "unwrap",
	[LIE_DERIVES] = "derives",
	[LIE_MODIFIABLE] = "modifiable",
	[LIE_VALUE] = "value",
	[LIE_EC_POINT] = "ec_point",
	[LIE_WRAP] = "wrap",
	[LIE_COPY] = "copy",
	[LIE_SET] = "set",
	[LIE_CREATE] = "create",
	[LIE_DERIVE] = "derive",
	[LIE_TOKEN_KEYS] = "token_keys",
	[LIE_DATA_VALUE] = "data_value",
	[LIE_DATA_PUBLIC] = "data_public",
	[LIE_DATA_HIDDEN] = "data_hidden",
	[LIE_DESTROY] = "destroy",
};

static const char *const point_names[] = {
	[POINT_OCTET] = "octet",
	[POINT_RAW] = "raw",
	[POINT_XY] = "xy",
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

void settings_defaults(struct settings *s)
{
	memset(s, 0, sizeof *s);
	s->profile = sansec;
}

bool rate_strikes(struct rate r, unsigned long n)
{
	if (r.first != 0) return n <= r.first;
	if (r.every != 0) return n % r.every == 0;
	return true;
}

/* index_of returns where name stands in names, n if nowhere. */
static size_t index_of(const char *const *names, size_t n, const char *name)
{
	size_t i = 0;
	while (i < n && (names[i] == NULL || strcmp(names[i], name) != 0)) i++;
	return i;
}

/* number wants all of text to be one unsigned number, decimal or 0x. */
static bool number(const char *text, unsigned long *out)
{
	char *end = NULL;
	if (text[0] < '0' || text[0] > '9') return false; /* strtoul takes signs and blanks */
	errno = 0;
	*out = strtoul(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
	return errno == 0 && *end == '\0';
}

/* cut_rate takes a trailing "*N" or ":1/N" off value. */
static bool cut_rate(char *value, struct rate *r)
{
	char *star = strchr(value, '*');
	if (star != NULL) {
		*star = '\0';
		return number(star + 1, &r->first) && r->first != 0;
	}
	char *every = strstr(value, ":1/");
	if (every != NULL) {
		*every = '\0';
		return number(every + 3, &r->every) && r->every != 0;
	}
	return true;
}

/* duration reads 50ms, 3s or 200us. At most an hour: more is a hang. */
static bool duration(char *text, struct timespec *out)
{
	static const struct {
		const char *name;
		unsigned long per_second;
	} units[] = {{"us", 1000000}, {"ms", 1000}, {"s", 1}};
	size_t digits = strspn(text, "0123456789");
	for (size_t i = 0; i < LENGTH(units); i++) {
		unsigned long n;
		if (strcmp(text + digits, units[i].name) != 0) continue;
		text[digits] = '\0';
		if (!number(text, &n) || n / units[i].per_second > 3600) return false;
		out->tv_sec = (time_t)(n / units[i].per_second);
		out->tv_nsec = (long)(n % units[i].per_second * (1000000000UL / units[i].per_second));
		return true;
	}
	return false;
}

static const char *set_fault(struct settings *s, size_t function, char *value)
{
	struct fault *f = &s->fault[function];
	if (f->action != ACTION_NONE) return "this function has a fault already";
	if (!cut_rate(value, &f->rate)) return "a rate is *N or :1/N with N from 1";
	if (strcmp(value, "hang") == 0)
		f->action = ACTION_HANG;
	else if (strcmp(value, "crash") == 0)
		f->action = ACTION_CRASH;
	else if (strncmp(value, "delay:", 6) == 0 && duration(value + 6, &f->delay))
		f->action = ACTION_DELAY;
	else if (number(value, &f->rv) && f->rv != CKR_OK)
		f->action = ACTION_RETURN;
	else
		return "want a CKR code other than 0, hang, crash or delay:TIME (us, ms, s)";
	return NULL;
}

static const char *set_spoil(struct settings *s, char *value)
{
	if (s->spoil != SPOIL_NONE) return "sign= is given twice";
	if (!cut_rate(value, &s->spoil_rate)) return "a rate is *N or :1/N with N from 1";
	size_t i = index_of(spoil_names, LENGTH(spoil_names), value);
	if (i == LENGTH(spoil_names)) return "want sign=wrong, malformed-der, truncated or ecdsa";
	s->spoil = (enum spoil)i;
	return NULL;
}

static const char *set_random(struct settings *s, const char *value)
{
	if (s->random != RANDOM_GOOD) return "random= is given twice";
	size_t i = index_of(random_names, LENGTH(random_names), value);
	if (i == LENGTH(random_names)) return "want random=constant, repeat or biased";
	s->random = (enum randomness)i;
	return NULL;
}

static const char *set_lie(struct settings *s, const char *value)
{
	size_t i = index_of(lie_names, LENGTH(lie_names), value);
	if (i == LENGTH(lie_names)) return "unknown lie: README.md lists them";
	s->lie[i] = true;
	return NULL;
}

static const char *set_number(unsigned long *out, const char *value)
{
	if (strcmp(value, "none") == 0) {
		*out = PROFILE_NONE;
		return NULL;
	}
	return number(value, out) ? NULL : "want a number or none";
}

static const char *set_point(struct profile *p, const char *value)
{
	size_t i = index_of(point_names, LENGTH(point_names), value);
	if (i == LENGTH(point_names)) return "want octet, raw or xy";
	p->ec_point = (enum point_form)i;
	return NULL;
}

static const char *set_private_point(struct profile *p, const char *value)
{
	p->private_ec_point = strcmp(value, "yes") == 0;
	return p->private_ec_point || strcmp(value, "no") == 0 ? NULL : "want yes or no";
}

static const char *set_profile(struct settings *s, const char *key, const char *value)
{
	static const char *const keys[] = {"key_type", "keygen",   "sign_raw",
	                                   "sign_der", "ec_point", "private_ec_point"};
	size_t i = index_of(keys, LENGTH(keys), key);
	if (i == LENGTH(keys)) return "want key_type, keygen, sign_raw, sign_der, ec_point or private_ec_point";
	if ((s->profile_set & (1U << i)) != 0) return "this key of the profile is given twice";
	s->profile_set |= 1U << i;
	switch (i) {
	case 0: return set_number(&s->profile.key_type, value);
	case 1: return set_number(&s->profile.keygen, value);
	case 2: return set_number(&s->profile.sign_raw, value);
	case 3: return set_number(&s->profile.sign_der, value);
	case 4: return set_point(&s->profile, value);
	default: return set_private_point(&s->profile, value);
	}
}

/* quirk_of returns the row of a mechanism, a new one if it has none. */
static struct quirk *quirk_of(struct settings *s, CK_MECHANISM_TYPE type)
{
	for (size_t i = 0; i < s->quirks; i++)
		if (s->quirk[i].type == type) return &s->quirk[i];
	if (s->quirks == QUIRK_MAX) return NULL;
	s->quirk[s->quirks].type = type;
	return &s->quirk[s->quirks++];
}

static const char *set_flag(struct settings *s, const char *value, bool unlisted)
{
	CK_MECHANISM_TYPE type;
	if (!number(value, &type)) return "want the number of a mechanism";
	struct quirk *q = quirk_of(s, type);
	if (q == NULL) return "more mechanisms than fit";
	q->unlisted |= unlisted;
	q->undone |= !unlisted;
	return NULL;
}

/* set_sizes reads MECHANISM:MIN-MAX. */
static const char *set_sizes(struct settings *s, char *value)
{
	CK_MECHANISM_TYPE type;
	char *min = strchr(value, ':');
	char *max = min == NULL ? NULL : strchr(min, '-');
	if (max == NULL) return "want MECHANISM:MIN-MAX";
	*min++ = '\0';
	*max++ = '\0';
	if (!number(value, &type)) return "want MECHANISM:MIN-MAX";
	struct quirk *q = quirk_of(s, type);
	if (q == NULL) return "more mechanisms than fit";
	q->sized = number(min, &q->min) && number(max, &q->max);
	return q->sized ? NULL : "want MECHANISM:MIN-MAX";
}

static const char *set(struct settings *s, const char *key, char *value)
{
	if (strcmp(key, "sign") == 0) return set_spoil(s, value);
	if (strcmp(key, "random") == 0) return set_random(s, value);
	if (strcmp(key, "lie") == 0) return set_lie(s, value);
	if (strcmp(key, "unlisted") == 0) return set_flag(s, value, true);
	if (strcmp(key, "undone") == 0) return set_flag(s, value, false);
	if (strcmp(key, "sizes") == 0) return set_sizes(s, value);
	if (strncmp(key, "profile.", 8) == 0) return set_profile(s, key + 8, value);
	size_t f = index_of(function_names, FN_COUNT, key);
	return f == FN_COUNT ? "want a PKCS#11 function, sign, random, lie, unlisted, undone, sizes or profile.NAME"
	                     : set_fault(s, f, value);
}

static const char *parse_line(struct settings *s, char *line)
{
	if (line[0] == '\0' || line[0] == '#') return NULL;
	char *equals = strchr(line, '=');
	if (equals == NULL) return "want KEY=VALUE";
	*equals = '\0';
	return set(s, line, equals + 1);
}

bool settings_parse(struct settings *s, char *text, struct mistake *m)
{
	settings_defaults(s);
	for (m->line = 1; text != NULL; m->line++) {
		char *end = strchr(text, '\n');
		if (end != NULL) *end = '\0';
		m->key = text;
		m->why = parse_line(s, text);
		if (m->why != NULL) return false;
		text = end == NULL ? NULL : end + 1;
	}
	return true;
}
