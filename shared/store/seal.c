#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "store/seal.h"

#define KEY_ID    1              /* first byte of a sealed text: which key; another number when keys are rotated */
#define NONCE     12
#define TAG       16
#define AROUND    (1 + NONCE + TAG)
#define PLAIN_MAX ((size_t)1 << 20)

/* --- the key file --- */

static enum err key_read(struct seal_key *k, int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_errno(errno);
	if (st.st_mode & 077) {
		log_error("seal.key", "file=%s what=\"others may read it\" do=\"chmod 600 %s\"", path, path);
		return ERR_DENIED;
	}
	if (st.st_size != sizeof k->bytes || read(fd, k->bytes, sizeof k->bytes) != sizeof k->bytes) {
		log_error("seal.key", "file=%s what=\"must be exactly 32 bytes\" do=\"restore it from a backup: without it stored keys cannot be read\"", path);
		return ERR_CRYPTO;
	}
	return ERR_OK;
}

/* Made beside and linked: of two processes that start together one wins, and nobody ever sees half a key. */
static enum err key_make(const char *path)
{
	char beside[4096], suffix[UUID_TEXT];
	uint8_t bytes[32];
	enum err e = uuid_new(suffix);

	e = e ? e : random_bytes(bytes, sizeof bytes);
	if (e)
		return e;
	if (snprintf(beside, sizeof beside, "%s.%s", path, suffix) >= (int)sizeof beside)
		return ERR_LIMIT;
	e = file_replace(beside, span_of(bytes, sizeof bytes), 0600);
	OPENSSL_cleanse(bytes, sizeof bytes);
	if (!e && link(beside, path) != 0 && errno != EEXIST)
		e = err_errno(errno);
	unlink(beside);
	return e;
}

enum err seal_key_load(struct seal_key *k, const char *path, bool create)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err e;

	if (fd < 0 && errno == ENOENT && create) {
		e = key_make(path);
		if (e)
			return e;
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0) {
		log_error("seal.key", "file=%s error=%s", path, err_name(err_errno(errno)));
		return err_errno(errno);
	}
	e = key_read(k, fd, path);
	close(fd);
	return e;
}

/* --- sealing: key id, nonce, ciphertext, tag --- */

static bool closes(EVP_CIPHER_CTX *c, const struct seal_key *k, struct span plain, struct span about, uint8_t *to)
{
	uint8_t *nonce = to + 1, *text = nonce + NONCE;
	int n = 0, last = 0;

	return EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, k->bytes, nonce) == 1 &&
	       EVP_EncryptUpdate(c, NULL, &n, (const uint8_t *)about.p, (int)about.n) == 1 &&
	       EVP_EncryptUpdate(c, text, &n, (const uint8_t *)(plain.n ? plain.p : ""), (int)plain.n) == 1 &&
	       EVP_EncryptFinal_ex(c, text + n, &last) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, text + plain.n) == 1;
}

enum err seal_close(const struct seal_key *k, struct span plain, struct span about, struct buf *out)
{
	EVP_CIPHER_CTX *c;
	char *room;
	enum err e;

	if (plain.n > PLAIN_MAX)
		return ERR_LIMIT;
	buf_reset(out);
	room = buf_room(out, plain.n + AROUND);
	if (!room)
		return out->err;
	room[0] = KEY_ID;
	e = random_bytes(room + 1, NONCE);
	c = e ? NULL : EVP_CIPHER_CTX_new();
	if (!e && (!c || !closes(c, k, plain, about, (uint8_t *)room)))
		e = ERR_CRYPTO;
	EVP_CIPHER_CTX_free(c);
	if (!e)
		buf_wrote(out, plain.n + AROUND);
	return e;
}

static bool opens(EVP_CIPHER_CTX *c, const struct seal_key *k, struct span sealed, struct span about, uint8_t *to)
{
	const uint8_t *nonce = (const uint8_t *)sealed.p + 1, *text = nonce + NONCE;
	size_t len = sealed.n - AROUND;
	int n = 0, last = 0;

	return EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, k->bytes, nonce) == 1 &&
	       EVP_DecryptUpdate(c, NULL, &n, (const uint8_t *)about.p, (int)about.n) == 1 &&
	       EVP_DecryptUpdate(c, to, &n, text, (int)len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, (void *)(uintptr_t)(text + len)) == 1 &&
	       EVP_DecryptFinal_ex(c, to + n, &last) == 1;
}

enum err seal_open(const struct seal_key *k, struct span sealed, struct span about, struct buf *out)
{
	EVP_CIPHER_CTX *c;
	size_t n = sealed.n - AROUND;
	char *room;
	enum err e = ERR_CRYPTO;

	if (sealed.n < AROUND || n > PLAIN_MAX || sealed.p[0] != KEY_ID)
		return ERR_CRYPTO;
	buf_reset(out);
	room = buf_room(out, n + 1);
	if (!room)
		return out->err;
	c = EVP_CIPHER_CTX_new();
	if (c && opens(c, k, sealed, about, (uint8_t *)room)) {
		buf_wrote(out, n);
		e = ERR_OK;
	}
	EVP_CIPHER_CTX_free(c);
	return e;
}
