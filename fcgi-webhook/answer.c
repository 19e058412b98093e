/* answer - what handlers say: JSON, TwiML, or a bare status. */
#include "hook.h"
#include "twilio/twiml.h"

void answer_status(struct answer *a, int status)
{
	buf_reset(&a->body);
	a->status = status;
	a->type = NULL;
}

void answer_json(struct answer *a, int status, struct json_object *o)
{
	buf_reset(&a->body);
	a->status = status;
	a->type = JSON_TYPE;
	if (json_write(&a->body, o) != ERR_OK)
		answer_status(a, 503);
	json_object_put(o);
}

void answer_error(struct answer *a, int status, const char *code, const char *message)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b), *inner = json_obj(&b);

	json_set(&b, inner, "code", json_strz(&b, code));
	json_set(&b, inner, "message", json_strz(&b, message));
	json_set(&b, inner, "field", NULL);
	json_set(&b, o, "error", inner);
	answer_json(a, status, o);
}

void answer_err(struct answer *a, enum err e)
{
	answer_error(a, err_http(e), err_name(e), err_text(e));
}

/* --- TwiML --- */

static void answer_twiml(struct answer *a, struct twiml *t)
{
	struct span document;

	buf_reset(&a->body);
	a->status = 200;
	a->type = TWIML_TYPE;
	if (twiml_end(t, &document) == ERR_OK)
		buf_add(&a->body, document);
	twiml_fini(t);
	if (!a->body.n || a->body.err)
		answer_status(a, 503);
}

void answer_empty_twiml(struct answer *a)
{
	struct twiml t;

	twiml_init(&t);
	answer_twiml(a, &t);
}

void answer_hangup(struct answer *a)
{
	struct twiml t;

	twiml_init(&t);
	twiml_hangup(&t);
	answer_twiml(a, &t);
}

void answer_busy(struct answer *a)
{
	struct twiml t;

	twiml_init(&t);
	twiml_reject(&t, "busy");
	answer_twiml(a, &t);
}

/* By the language tag's first part: a German voice reading English would be no apology. */
static const struct {
	const char *language, *text;
} apologies[] = {
	{ "en", "We are sorry, we cannot take your call right now. Please call again later." },
	{ "de", "Leider k\xC3\xB6nnen wir Ihren Anruf gerade nicht annehmen. Bitte rufen Sie sp\xC3\xA4ter noch einmal an." },
	{ "fr", "D\xC3\xA9sol\xC3\xA9, nous ne pouvons pas prendre votre appel pour le moment. Veuillez rappeler plus tard." },
	{ "es", "Lo sentimos, ahora no podemos atender su llamada. Por favor, vuelva a llamar m\xC3\xA1s tarde." },
	{ "it", "Siamo spiacenti, al momento non possiamo rispondere alla sua chiamata. La preghiamo di richiamare pi\xC3\xB9 tardi." },
	{ "pt", "Lamentamos, n\xC3\xA3o podemos atender a sua chamada neste momento. Por favor, ligue mais tarde." },
	{ "nl", "Het spijt ons, we kunnen uw oproep nu niet beantwoorden. Belt u later nog eens terug." },
	{ "pl", "Przepraszamy, nie mo\xC5\xBC""emy teraz odebra\xC4\x87 po\xC5\x82\xC4\x85""czenia. Prosimy zadzwoni\xC4\x87 p\xC3\xB3\xC5\xBAniej." },
};

static struct span apology_for(const char *language)
{
	struct span rest = span_z(language), first;

	if (rest.p && span_cut(&rest, '-', &first))
		for (size_t i = 0; i < sizeof apologies / sizeof *apologies; i++)
			if (span_is(first, apologies[i].language))
				return span_z(apologies[i].text);
	return span_z(apologies[0].text);
}

void answer_apology(struct answer *a, const struct voice *v)
{
	struct twiml t;

	twiml_init(&t);
	if (v->fallback_number && *v->fallback_number) {
		twiml_dial(&t, span_z(v->fallback_number), SPAN_NONE);
	} else {
		twiml_say(&t, apology_for(v->say_language), span_z(v->say_voice), span_z(v->say_language));
		twiml_hangup(&t);
	}
	answer_twiml(a, &t);
}

static struct span path_under(struct buf *b, const char *path, const char *session_id)
{
	buf_printf(b, "%s%s/", path, session_id);
	return buf_span(b);
}

void answer_connect(const struct hook *h, const struct request *r, struct answer *a, const struct connect *c)
{
	struct buf action = BUF_INIT, callback = BUF_INIT, url = BUF_INIT;
	struct twiml t;

	signed_public_url(h, r, &action);
	signed_public_url(h, r, &callback);
	signed_stream_url(h, r, &url);
	twiml_init(&t);
	if (c->notice && *c->notice)
		twiml_say(&t, span_z(c->notice), span_z(c->voice.say_voice), span_z(c->voice.say_language));
	if (c->digits && *c->digits)
		twiml_digits(&t, span_z(c->digits));
	twiml_connect(&t, &(struct twiml_stream){
		.action = path_under(&action, "/api/continue/", c->session_id),
		.status_callback = path_under(&callback, "/api/stream-status/", c->session_id),
		.url = path_under(&url, "/ws/realtime/", c->session_id),
		.token = span_z(c->token),
	});
	answer_twiml(a, &t);
	if (action.err || callback.err || url.err)
		answer_status(a, 503);
	buf_fini(&action);
	buf_fini(&callback);
	buf_fini(&url);
}

void answer_transfer(const struct hook *h, const struct request *r, struct answer *a, const char *session_id, struct span number, bool whisper)
{
	struct buf action = BUF_INIT, url = BUF_INIT;
	struct twiml t;

	signed_public_url(h, r, &action);
	signed_public_url(h, r, &url);
	path_under(&action, "/api/continue/", session_id);
	path_under(&url, "/api/whisper/", session_id);
	twiml_init(&t);
	twiml_transfer(&t, number, buf_span(&action), whisper ? buf_span(&url) : SPAN_NONE);
	answer_twiml(a, &t);
	if (action.err || url.err)
		answer_status(a, 503);
	buf_fini(&action);
	buf_fini(&url);
}

void answer_say(struct answer *a, struct span text, const struct voice *v)
{
	struct twiml t;

	twiml_init(&t);
	if (text.n)
		twiml_say(&t, text, span_z(v->say_voice), span_z(v->say_language));
	answer_twiml(a, &t);
}
