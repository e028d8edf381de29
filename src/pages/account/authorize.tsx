import { useEffect, useState } from 'preact/hooks';
import {
  type ApplicationView,
  AuthorizationStep,
  type ContinueAuthorizationResponse,
  type DescribeAuthorizationResponse,
  readFailure,
} from '../../clients/web.ts';
import { accounts } from '../kit/accounts.ts';
import { explain, Form } from '../kit/form.tsx';
import { Loaded } from '../kit/loaded.tsx';
import { Section } from '../kit/parts.tsx';
import { Reauthenticate } from '../kit/reauthenticate.tsx';
import { AccountChooser, SignedInAs, useOtherAccount } from './account-chooser.tsx';
import { errands } from './errand.ts';
import { useLanguage } from './language.ts';
import { ScopeList } from './scope-list.tsx';
import { useAccount } from './state.ts';

/** Goes on to the application; Back does not come here again. */
export function leaveTo(slug: string, address: string): void {
  errands.forget(slug);
  location.replace(address);
}

/** The signed-in part of an application's request: whatever the user has to do before the browser goes back with a code. */
export function Authorize({ request }: { readonly request: string }) {
  const { manam } = useAccount();
  return (
    <Loaded load={() => manam.authorization.describeAuthorization({ request })}>
      {(asked) => <Steps request={request} asked={asked} />}
    </Loaded>
  );
}

type StepsProps = { readonly request: string; readonly asked: DescribeAuthorizationResponse };

function Steps({ request, asked }: StepsProps) {
  const language = useLanguage();
  const { t } = language;
  const { manam, settings } = useAccount();
  const { slug } = settings;
  const { application, prompts } = asked;
  const isSilent = prompts.includes('none');
  const open = errands.read(slug);
  const hasChosen = open?.path === 'authorize' && open.isChosen === true;
  const mustChoose =
    !isSilent && !hasChosen && (prompts.includes('select_account') || accounts.list(slug).length > 1);
  const [isChosen, setChosen] = useState(!mustChoose);
  const [missing, setMissing] = useState<ContinueAuthorizationResponse>();
  const [texts, setTexts] = useState<string[]>([]);
  const proceed = async (consent: boolean) => {
    const answer = await manam.authorization.continueAuthorization({ request, consent });
    if (answer.location === '') setMissing(answer);
    else leaveTo(slug, answer.location);
  };
  const refuse = async () =>
    leaveTo(slug, (await manam.authorization.refuseAuthorization({ request })).location);
  const attempt = (consent: boolean) =>
    proceed(consent).catch((error: unknown) => setTexts(explain(language, readFailure(error))));
  useEffect(() => {
    if (isChosen) void attempt(false);
  }, [isChosen]);

  if (texts.length > 0)
    return (
      <Section title={t('appProblem')} isPage>
        <p role="alert" class="problem">
          {texts.join(' ')}
        </p>
      </Section>
    );
  if (!isChosen)
    return (
      <Section title={t('chooseAccount')} isPage>
        <ApplicationLine application={application} />
        <AccountChooser onChosen={() => setChosen(true)} />
        <Form submit={t('cancel')} weight="quiet" onSubmit={refuse} />
      </Section>
    );
  switch (missing?.step) {
    case AuthorizationStep.CONSENT:
      return (
        <Consent
          application={application}
          missing={missing}
          onAllow={() => proceed(true)}
          onRefuse={refuse}
        />
      );
    case AuthorizationStep.REAUTHENTICATE:
      return <Reauthenticate onDone={() => void attempt(false)} onCancel={() => void refuse()} />;
    case AuthorizationStep.OTHER_USER:
      return isSilent ? (
        <Silently refuse={refuse} />
      ) : (
        <OtherUser application={application} onRefuse={refuse} />
      );
    default:
      return <p class="hint">{t('loading')}</p>;
  }
}

/** The application that a person is about to sign in to. */
export function ApplicationLine({ application }: { readonly application: ApplicationView | undefined }) {
  const { t } = useLanguage();
  if (application === undefined) return null;
  const { name, logo, host } = application;
  return (
    <div class="application">
      {logo !== '' && <img src={logo} alt="" />}
      <p>
        {t('appContinue')} <bdi class="name">{name}</bdi>
        {host !== '' && (
          <span class="hint">
            {' '}
            <bdi dir="ltr">{host}</bdi>
          </span>
        )}
      </p>
    </div>
  );
}

type ConsentProps = {
  readonly application: ApplicationView | undefined;
  readonly missing: ContinueAuthorizationResponse;
  readonly onAllow: () => Promise<void>;
  readonly onRefuse: () => Promise<void>;
};

/** Asks for the consent of the user, with everything that the application will learn. */
function Consent({ application, missing, onAllow, onRefuse }: ConsentProps) {
  const { t } = useLanguage();
  const { settings } = useAccount();
  const { name = '', host = '', privacyUrl = '', termsUrl = '', logo = '' } = application ?? {};
  return (
    <Section title={t('consentTitle', { name })} isPage>
      {logo !== '' && (
        <div class="application">
          <img src={logo} alt="" />
        </div>
      )}
      <p>{t('consentAsk', { name, tenant: settings.name })}</p>
      {host !== '' && <p class="problem">{t('consentHost', { host })}</p>}
      <ScopeList scopes={missing.scopes} resources={missing.resources} />
      <SignedInAs />
      <Form
        submit={t('consentAllow')}
        onSubmit={onAllow}
        aside={
          <button type="button" class="quiet" onClick={() => void onRefuse()}>
            {t('consentRefuse')}
          </button>
        }
      />
      <p class="hint links">
        {privacyUrl !== '' && (
          <a href={privacyUrl} target="_blank" rel="noreferrer noopener">
            {t('appPrivacy')}
          </a>
        )}
        {termsUrl !== '' && (
          <a href={termsUrl} target="_blank" rel="noreferrer noopener">
            {t('appTerms')}
          </a>
        )}
      </p>
    </Section>
  );
}

/** The application asked for another user than the one who is signed in. */
function OtherUser({
  application,
  onRefuse,
}: {
  readonly application: ApplicationView | undefined;
  readonly onRefuse: () => Promise<void>;
}) {
  const { t } = useLanguage();
  const useOther = useOtherAccount();
  return (
    <Section title={t('otherUserTitle')} isPage>
      <p>{t('otherUserText', { name: application?.name ?? '' })}</p>
      <SignedInAs />
      <Form submit={t('useOtherAccount')} onSubmit={async () => useOther()} />
      <Form submit={t('cancel')} weight="quiet" onSubmit={onRefuse} />
    </Section>
  );
}

/** In front of a sign-in: what it is for, and the way back without one. */
export function BeforeSignIn({ request }: { readonly request: string }) {
  const { t } = useLanguage();
  const { manam, settings } = useAccount();
  const refuse = async () =>
    leaveTo(settings.slug, (await manam.authorization.refuseAuthorization({ request })).location);
  return (
    <Loaded load={() => manam.authorization.describeAuthorization({ request })}>
      {({ application, prompts }) =>
        prompts.includes('none') ? (
          <Silently refuse={refuse} />
        ) : (
          <div class="errand">
            <ApplicationLine application={application} />
            <Form submit={t('cancel')} weight="quiet" onSubmit={refuse} />
          </div>
        )
      }
    </Loaded>
  );
}

/** Nobody may be asked anything: the application learns at once that there is no session. */
function Silently({ refuse }: { readonly refuse: () => Promise<void> }) {
  useEffect(() => {
    void refuse();
  }, []);
  return null;
}
