import type { CustomClaims } from './custom-claims.ts';
import type { Locale } from './locale.ts';
import type { PasskeyMode, PasswordlessMode, SignInWay } from './sign-in-way.ts';
import type { TemplateOverrides } from './templates/template.ts';
import type { Terms } from './terms.ts';
import type { Branding } from './theme.ts';

/** When work is asked for. */
export const workModes = ['off', 'adaptive', 'always'] as const;

export type WorkMode = (typeof workModes)[number];

export type SessionLifetime = { readonly idleMinutes: number; readonly absoluteMinutes: number };

/** The settings of a tenant: typed JSON in its row. */
export type TenantPolicy = {
  /** The tenant's pages that links in messages lead to, by purpose. */
  readonly pages: {
    readonly confirm: string;
    readonly recover: string;
    readonly twoFactor: string;
    /** Empty: the hosted page. */
    readonly signIn: string;
    /** The page of a sign-in that its owner does not know; empty: the hosted page. */
    readonly reportSignIn: string;
    /** The page of a change that its owner does not know; empty: the hosted page. */
    readonly undoChange: string;
    /** The page that objects to a reset of second factors; empty: the hosted page. */
    readonly cancelReset: string;
  };
  /** The pages that a caller may name instead of `pages.confirm`. */
  readonly confirmUrls: readonly string[];
  /** The pages that a browser may return to from an identity provider. */
  readonly redirectUris: readonly string[];
  readonly senders: { readonly default: string; readonly addresses: readonly string[] };
  /** Browser origins that may call, such as `https://tenant.com`; `http://localhost:*` represents any port. */
  readonly origins: readonly string[];
  /** ISO 3166 code of the country of numbers without a calling code; empty: they need one. */
  readonly defaultCountry: string;
  /** ISO 3166 codes of the countries that messages are sent to. */
  readonly countries: readonly string[];
  readonly defaultLocale: Locale;
  readonly password: {
    readonly minLength: number;
    /** How hard a new password has to be to guess: 0 (not judged) to 4, as zxcvbn counts. */
    readonly minStrength: number;
  };
  readonly requireSecondFactor: boolean;
  /** Lifetimes of sessions, in minutes: at most without a refresh, and at most in all. */
  readonly sessions: SessionLifetime & {
    /** The same where the user asked to stay signed in. */
    readonly remembered: SessionLifetime;
  };
  /** Days for which a device may be spared the second factor of a sign-in; 0: never. */
  readonly rememberDeviceDays: number;
  /** Whether strangers do work before they register, ask for a code or recover: never, over soft limits, always. */
  readonly proofOfWork: WorkMode;
  /** Whether a sign-in on a device that the account has not used is told to its owner. */
  readonly newSignInNotice: boolean;
  readonly terms: Terms;
  /** Every role that a user may have, with what it permits. */
  readonly roles: Readonly<Record<string, readonly string[]>>;
  /** Whether Register discloses that an identifier is taken (R33). */
  readonly discloseRegistration: boolean;
  /** Sign-in with a code or a link, by e-mail and by SMS. */
  readonly codeSignIn: {
    readonly enabled: boolean;
    /** Whether the first sign-in of an address or a number makes an account. */
    readonly createAccounts: boolean;
  };
  /** Passkeys (WebAuthn). */
  readonly passkeys: {
    readonly mode: PasskeyMode;
    /** The relying party: the tenant's site, such as `example.com`; empty: the host of the hosted pages. */
    readonly rpId: string;
    /** The origins of the tenant's own pages and apps that ceremonies may come from. */
    readonly origins: readonly string[];
    /** Whether an authenticator has to verify its user, by a finger, a face or a PIN. */
    readonly userVerification: 'preferred' | 'required';
    /** Whether a passkey that verified its user counts as both factors, or as the first alone. */
    readonly assurance: 'two-factors' | 'one-factor';
    /** Whether a sign counter that falls is rejected or only recorded. */
    readonly counterFall: 'refuse' | 'accept';
    /** Scope in which passwords may be switched off. */
    readonly passwordless: PasswordlessMode;
  };
  /** Hours that a reset of lost second factors, or an undo without a proof, waits, so that the owner can object; 0: there is none. */
  readonly factorResetHours: number;
  /** Days that events are kept; 0, and where it is less: those of the deployment. */
  readonly eventRetentionDays: number;
  /** The order of the ways to sign in on the hosted page; the first one is in front. */
  readonly signInOrder: readonly SignInWay[];
  /** The order of identity providers on the hosted page, by name; the others follow by name. */
  readonly providerOrder: readonly string[];
  /** Sign-in with Google. */
  readonly google: {
    readonly enabled: boolean;
    /** The tenant's own client; empty: the deployment's. Its secret is kept apart. */
    readonly clientId: string;
    /** Client ids of apps whose tokens are taken too. */
    readonly audiences: readonly string[];
    /** Requested data beside name, address and picture. */
    readonly scopes: readonly GoogleScope[];
  };
  /** Sign-in with an account of Manam itself. */
  readonly manam: { readonly enabled: boolean };
  /** Limits of the cost of SMS (R45). */
  readonly sms: {
    /** The most SMS of a day, for strangers, for users and for notices each. */
    readonly dailyMessages: number;
    /** The most that the SMS of a day may cost, in whole units of the tenant's choice; 0: no such limit. */
    readonly dailyBudget: number;
    /** Price of an SMS by country, in the same units. */
    readonly prices: Readonly<Record<string, number>>;
  };
  /** Claims of the tenant's own in ID tokens and UserInfo, by name. */
  readonly claims: CustomClaims;
  /** Whether the address of a metadata document can be the id of an application, as MCP clients have it. */
  readonly metadataClients: boolean;
  /** Requirements for the members of the tenant. */
  readonly members: {
    /** Whether they need a session with a second factor. */
    readonly requireSecondFactor: boolean;
  };
  /** How the hosted pages look for this tenant. */
  readonly branding: Branding;
  /** The tenant's own words for messages, by name and language, instead of this service. */
  readonly templates: TemplateOverrides;
};

/** Data that can be requested from Google beside name, address and picture. */
export const googleScopes = ['birthday', 'age-range', 'language'] as const;

export type GoogleScope = (typeof googleScopes)[number];
