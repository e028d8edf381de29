import type { JsonValue } from '@bufbuild/protobuf';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ManagementService } from '../../clients/management.ts';
import {
  type EmailName,
  emailTemplates,
  emailWords,
  type SmsName,
  smsTemplates,
  smsWords,
} from '../../domain/templates/index.ts';
import { hasLink, previewMessage } from '../../domain/templates/preview.ts';
import type { EmailTemplate, SmsTemplate } from '../../domain/templates/template.ts';
import { SelectField, TextArea } from '../kit/fields.tsx';
import { Field, Form } from '../kit/form.tsx';
import type { Locale } from '../kit/language.ts';
import { useLanguage } from './language.ts';
import { Card, Fetched, Page } from './parts.tsx';
import { type PolicyAnswer, usePolicy } from './policy.ts';
import { Sheet } from './sheet.tsx';
import { useConsole } from './state.ts';

const mails = Object.keys(emailTemplates) as EmailName[];
const texts = Object.keys(smsTemplates) as SmsName[];
const isMail = (name: string): name is EmailName => name in emailTemplates;

/** The words of the tenant's messages, with what its users get beside them. */
export function Messages() {
  const { t, locale: own } = useLanguage();
  const { load } = usePolicy();
  const [name, setName] = useState<string>('confirm-email');
  const [locale, setLocale] = useState<Locale>(own);
  const titled = (each: string) => ({ value: each, label: subjectOf(each, own) });
  return (
    <Page title={t('messages')} hint={t('messagesHint')}>
      <div class="toolbar">
        <SelectField
          name="message"
          label={t('message')}
          value={name}
          onChange={setName}
          choices={[...mails.map(titled), ...texts.map(titled)]}
        />
        <SelectField
          name="language"
          label={t('inLanguage')}
          value={locale}
          onChange={(value) => setLocale(value === 'fa' ? 'fa' : 'en')}
          choices={[
            { value: 'en', label: t('english') },
            { value: 'fa', label: t('persian') },
          ]}
        />
      </div>
      <Fetched load={load}>
        {(answer, reload) => (
          <Editor key={`${name} ${locale}`} name={name} locale={locale} answer={answer} reload={reload} />
        )}
      </Fetched>
    </Page>
  );
}

/** What a message is called in the list: its subject without variables, or its name. */
function subjectOf(name: string, locale: Locale): string {
  const words = isMail(name)
    ? emailTemplates[name][locale].subject
    : smsTemplates[name as SmsName][locale].text;
  const short = words.replaceAll(/\s*\{\w+\}\s*/g, ' … ').trim();
  return `${isMail(name) ? '✉' : 'SMS'} ${short.length > 60 ? `${short.slice(0, 57)} …` : short}`;
}

type Words = EmailTemplate | SmsTemplate;

type EditorProps = {
  readonly name: string;
  readonly locale: Locale;
  readonly answer: PolicyAnswer;
  readonly reload: () => Promise<void>;
};

function Editor({ name, locale, answer, reload }: EditorProps) {
  const { t } = useLanguage();
  const { may, say } = useConsole();
  const { save } = usePolicy();
  const { policy, isConfined } = answer;
  const overrides = policy.templates;
  const [words, setWords] = useState<Words>(() =>
    isMail(name) ? emailWords(overrides, name, locale) : smsWords(overrides, name as SmsName, locale),
  );
  /** Counts what was taken back: the fields begin anew with it. */
  const [round, setRound] = useState(0);
  const isOwn = overrides[name]?.[locale] !== undefined;
  const mayChange = may(ManagementService.method.updatePolicy) && !isConfined;
  const keep = async (value: JsonValue) => {
    await save({ templates: { [name]: { [locale]: value } } });
    say(t('saved'));
    await reload();
  };
  const reset = async () => {
    await keep(null);
    setWords(isMail(name) ? emailTemplates[name][locale] : smsTemplates[name as SmsName][locale]);
    setRound(round + 1);
  };
  const fields = <WordFields key={round} words={words} name={name} locale={locale} onChange={setWords} />;
  return (
    <div class="halves">
      <Card title={t('words')} hint={isConfined ? t('wordsConfined') : t('wordsHint')}>
        {mayChange ? (
          <>
            <Sheet submit={t('save')} onSubmit={() => keep(jsonOf(words))}>
              {fields}
            </Sheet>
            {isOwn && <Form submit={t('wordsReset')} weight="quiet" onSubmit={() => reset()} />}
          </>
        ) : (
          <fieldset disabled>{fields}</fieldset>
        )}
      </Card>
      <Card title={t('preview')}>
        <MessagePreview name={name} words={words} locale={locale} answer={answer} />
      </Card>
    </div>
  );
}

const jsonOf = (words: Words): JsonValue =>
  'paragraphs' in words ? { ...words, paragraphs: [...words.paragraphs] } : { ...words };

function WordFields({
  words,
  name,
  locale,
  onChange,
}: {
  readonly words: Words;
  readonly name: string;
  readonly locale: Locale;
  readonly onChange: (words: Words) => void;
}) {
  const { t } = useLanguage();
  const path = `policy.templates.${name}.${locale}`;
  if (!('paragraphs' in words))
    return (
      <TextArea
        name="text"
        alsoNames={[path, `${path}.`]}
        label={t('smsText')}
        rows={5}
        value={words.text}
        onInput={(text) => onChange({ text })}
      />
    );
  return (
    <>
      <Field
        name="subject"
        alsoNames={[`${path}.subject`]}
        label={t('subject')}
        value={words.subject}
        onInput={(subject) => onChange({ ...words, subject })}
      />
      <TextArea
        name="paragraphs"
        alsoNames={[`${path}.paragraphs`, `${path}.paragraphs.`]}
        label={t('paragraphs')}
        hint={t('paragraphsHint')}
        rows={10}
        value={words.paragraphs.join('\n\n')}
        onInput={(text) =>
          onChange({
            ...words,
            paragraphs: text
              .split(/\n\s*\n/)
              .map((each) => each.trim().replaceAll(/\s*\n\s*/g, ' '))
              .filter((each) => each !== ''),
          })
        }
      />
      {hasLink(name) && (
        <Field
          name="action"
          alsoNames={[`${path}.action`]}
          label={t('buttonText')}
          value={words.action}
          onInput={(action) => onChange({ ...words, action })}
        />
      )}
    </>
  );
}

type MessagePreviewProps = {
  readonly name: string;
  readonly words: Words;
  readonly locale: Locale;
  readonly answer: PolicyAnswer;
};

/** A message as it will arrive with these words, by the code that sends it. */
function MessagePreview({ name, words, locale, answer: { policy } }: MessagePreviewProps) {
  const { t } = useLanguage();
  const { tenant } = useConsole();
  const templates = { ...policy.templates, [name]: { [locale]: words } };
  const message = previewMessage({ name: tenant.name, policy: { ...policy, templates } }, name, locale);
  if (message === undefined) return null;
  const written = { dir: locale === 'fa' ? 'rtl' : 'ltr', lang: locale } as const;
  if (message.channel === 'sms')
    return (
      <p class="bubble" {...written}>
        {message.text}
      </p>
    );
  return (
    <div class="mail">
      <p class="hint">
        {t('from')} <bdi dir="ltr">{message.from}</bdi>
      </p>
      <p {...written}>
        <strong>{message.subject}</strong>
      </p>
      <MailBody html={message.html} />
    </div>
  );
}

/**
 * The body of a mail. Its styles stand in the markup, where the policy of this page refuses them; set by a script they
 * are the same. The shadow keeps the page's own away.
 */
function MailBody({ html }: { readonly html: string }) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (host.current === null) return;
    const root = host.current.shadowRoot ?? host.current.attachShadow({ mode: 'open' });
    // The policy of this page looks at what is parsed, too: styles are taken out and set by themselves.
    const [whole = '', rules = ''] = /<style>(.*?)<\/style>/s.exec(html) ?? [];
    const bare = html.replace(whole, '').replaceAll(' style="', ' data-style="');
    const mail = new DOMParser().parseFromString(bare, 'text/html');
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(rules);
    root.adoptedStyleSheets = [sheet];
    const body = document.createElement('div');
    body.dir = mail.documentElement.dir;
    body.lang = mail.documentElement.lang;
    body.className = mail.body.className;
    copyStyle(mail.body, body);
    for (const child of [...mail.body.children]) body.append(copyOf(child));
    root.replaceChildren(body);
  }, [html]);
  return <div ref={host} class="mail-body" inert />;
}

function copyStyle(from: Element, to: HTMLElement): void {
  to.style.cssText = from.getAttribute('data-style') ?? '';
}

/** An element with its styles set by script, and the same below it. */
function copyOf(element: Element): HTMLElement {
  const copy = document.createElement(element.tagName);
  for (const { name, value } of [...element.attributes])
    if (name !== 'data-style') copy.setAttribute(name, value);
  copyStyle(element, copy);
  for (const child of [...element.childNodes])
    copy.append(child instanceof Element ? copyOf(child) : (child.textContent ?? ''));
  return copy;
}
