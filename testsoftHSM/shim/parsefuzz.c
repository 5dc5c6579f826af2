/*
 * signet-shim-parsefuzz ROUNDS: gives settings_parse mutated control files, to
 * be watched by a sanitizer. The generator is fixed, so every run is the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"

static const char *const seeds[] = {
	"C_Sign=0x30\nC_Login=hang\nC_GetInfo=crash*3\n", "C_OpenSession=delay:50ms:1/10\n# note\n\n",
	"sign=wrong:1/100\nlie=extractable\nlie=wrap\n",  "sign=malformed-der*2\nC_Sign=224\n",
	"profile.key_type=3\nprofile.keygen=0xC0010300\nprofile.sign_raw=none\n",
	"profile.ec_point=xy\nprofile.private_ec_point=yes\nprofile.sign_der=0x80008000\n",
	"random=constant\nlie=data_value\n", "random=repeat\nC_CreateObject=0x31*1\n",
	"C_Sign=delay:99999999999999999999s\n",           "=\n==\n*\n:1/\n",
};

static uint64_t state = 88172645463325252U;

/* below is xorshift64: no seed from outside, no surprise in a failing run. */
static size_t below(size_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (size_t)(state % n);
}

static void mutate(char *text, size_t len)
{
	static const char alphabet[] = "=*:/\n#0129xXfsmu.-_ CSignlehago\t\r\x7f\xff";
	for (size_t n = below(6); n > 0 && len > 0; n--)
		text[below(len)] = alphabet[below(sizeof alphabet - 1)];
	if (below(4) == 0 && len > 0) text[below(len)] = '\0';
}

int main(int argc, char **argv)
{
	unsigned long accepted = 0;
	unsigned long rounds = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	for (unsigned long i = 0; i < rounds; i++) {
		struct settings s;
		struct mistake m;
		char *text = strdup(seeds[below(sizeof seeds / sizeof *seeds)]);
		if (text == NULL) return 1;
		mutate(text, strlen(text));
		if (settings_parse(&s, text, &m))
			accepted++;
		else if (m.why == NULL || m.line == 0 || strlen(m.key) > 4096)
			return 1;
		free(text);
	}
	/* Both outcomes have to be seen, or the mutations prove nothing. */
	if (accepted == 0 || accepted == rounds) return 1;
	printf("parsefuzz: ok accepted=%lu refused=%lu\n", accepted, rounds - accepted);
	return 0;
}
