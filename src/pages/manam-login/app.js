// The hosted sign-in of Manam. It holds the session in this module alone, and only until
// the browser continues; nothing is stored.

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.getAttribute('content') ?? '';
const words = JSON.parse(meta('manam-words'));
const request = new URLSearchParams(location.search).get('request') ?? '';
const element = (id) => document.getElementById(id);
const steps = ['password-step', 'code-step', 'consent-step'];
let token = '';
let method = 'totp';

class Refusal extends Error {
  constructor({ message, reason }) {
    super(message);
    this.reason = reason;
  }
}

/** Calls the REST interface; a refusal brings the text of the service, in the page's language. */
async function call(path, body) {
  let answer;
  try {
    const headers = {
      'content-type': 'application/json',
      'x-api-key': meta('manam-key'),
      'accept-language': document.documentElement.lang,
    };
    if (token !== '') headers.authorization = `Bearer ${token}`;
    const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
    answer = await response.json();
  } catch {
    throw new Refusal({ message: words.failed, reason: 'UNAVAILABLE' });
  }
  if (answer.status !== 'success') throw new Refusal(answer);
  return answer;
}

function show(step) {
  for (const id of steps) element(id).hidden = id !== step;
  element('problem').hidden = true;
  element(step)?.querySelector('input, button')?.focus();
}

function complain(text) {
  element('problem').textContent = text;
  element('problem').hidden = false;
}

/** Runs a step once at a time; what goes wrong is said, and the step can be tried again. */
async function attempt(form, work) {
  const buttons = [...form.querySelectorAll('button')];
  for (const button of buttons) button.disabled = true;
  try {
    await work();
  } catch (error) {
    const isOver = error.reason === 'LOGIN_STATE_INVALID';
    if (isOver) for (const id of steps) element(id).hidden = true;
    // The first step has to be done again where its sign-in has ended.
    if (error.reason === 'TOKEN_INVALID') {
      token = '';
      show('password-step');
    }
    complain(isOver ? words.expired : error.message);
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

function onStep(id, work) {
  const form = element(id);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt(form, work);
  });
}

/** Asks for consent, or continues at once where it was given before. */
async function askForConsent() {
  const question = await call('/auth/manam/request', { request });
  if (question.consented) return await decide(false);
  element('question').textContent = words.consent.replace('{tenant}', question.tenant_name);
  element('learns').textContent = question.email === '' ? words.learnsNumber : words.learns;
  element('who').textContent = [question.name, question.email].filter((part) => part !== '').join(' · ');
  show('consent-step');
}

async function decide(deny) {
  const { redirect_url: url } = await call('/auth/manam/approve', { request, deny });
  // The sign-in was for this one answer.
  await call('/auth/logout', {}).catch(() => undefined);
  location.replace(url);
}

onStep('password-step', async () => {
  const who = element('identifier').value.trim();
  const account = who.includes('@') ? { type: 'email', email: who } : { type: 'mobile', mobile: who };
  const answer = await call('/auth/login', { ...account, password: element('password').value });
  element('password').value = '';
  if (answer.access_token !== '') {
    token = answer.access_token;
    return await askForConsent();
  }
  token = answer.two_factor_token;
  method = answer.two_factor_methods[0];
  element('sent-to').textContent = answer.masked_phone_number;
  element('sent-to').hidden = method !== 'sms';
  show('code-step');
});

onStep('code-step', async () => {
  const typed = element('code').value.trim();
  element('code').value = '';
  // Recovery codes are longer than any other.
  const codes = typed.replace(/[\s-]/g, '').length > 8 ? { recovery_code: typed } : { code: typed };
  const answer = await call(`/auth/2fa/${method}/validate`, codes);
  token = answer.access_token;
  await askForConsent();
});

onStep('consent-step', () => decide(false));
element('deny').addEventListener('click', () => void attempt(element('consent-step'), () => decide(true)));

if (request === '') {
  for (const id of steps) element(id).hidden = true;
  complain(words.expired);
} else {
  element('identifier').focus();
}
