'use client';

import { createElement as h, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { useInner } from './provider.ts';

export type SignInProps = {
  /** The label of the button. Default: "Sign in", in the language of the provider. */
  readonly children?: ReactNode;
};

/** A button that opens the hosted pages. Renders nothing while a user is signed in. */
export function SignIn({ children }: SignInProps) {
  const { auth, words } = useInner();
  const [isBusy, setBusy] = useState(false);
  if (auth.status !== 'signed-out') return null;
  const begin = () => {
    setBusy(true);
    auth.signIn().catch(() => setBusy(false));
  };
  return h(
    'div',
    { className: 'manam-sign-in' },
    auth.error !== undefined && h('p', { role: 'alert', className: 'manam-problem' }, words.failed),
    h(
      'button',
      { type: 'button', className: 'manam-button', disabled: isBusy, onClick: begin },
      children ?? words.signIn,
    ),
  );
}

/** A button with the picture of the user. Its menu links to their account and signs them out. Renders nothing without a user. */
export function UserButton() {
  const { auth, words, accountUrl } = useInner();
  const [isOpen, setOpen] = useState(false);
  const whole = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const [isAtStart, setAtStart] = useState(false);
  const menu = useId();
  useEffect(() => {
    // It opens towards the start of the line, and towards the end where it would leave the window.
    const { left, right } = panel.current?.getBoundingClientRect() ?? { left: 0, right: 0 };
    if (isOpen && (left < 0 || right > innerWidth)) setAtStart(true);
  }, [isOpen]);
  useEffect(() => {
    if (!isOpen) return;
    const leave = (event: Event) => {
      if (!whole.current?.contains(event.target as Node)) setOpen(false);
    };
    const close = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      setOpen(false);
      button.current?.focus();
    };
    for (const name of ['pointerdown', 'focusin']) document.addEventListener(name, leave);
    document.addEventListener('keydown', close);
    return () => {
      for (const name of ['pointerdown', 'focusin']) document.removeEventListener(name, leave);
      document.removeEventListener('keydown', close);
    };
  }, [isOpen]);
  const { user } = auth;
  if (user === undefined) return null;
  const name = user.name || user.email || user.id;
  const face =
    user.picture === ''
      ? h('span', { className: 'manam-initial', 'aria-hidden': true }, [...name][0]?.toUpperCase())
      : h('img', { src: user.picture, alt: '' });
  return h(
    'div',
    { className: 'manam-user', ref: whole },
    h(
      'button',
      {
        type: 'button',
        ref: button,
        className: 'manam-face',
        'aria-expanded': isOpen,
        'aria-controls': menu,
        'aria-label': words.menu.replace('{name}', name),
        onClick: () => setOpen(!isOpen),
      },
      face,
    ),
    h(
      'div',
      {
        id: menu,
        ref: panel,
        className: isAtStart ? 'manam-menu manam-menu-at-start' : 'manam-menu',
        hidden: !isOpen,
      },
      h('p', { className: 'manam-name' }, name),
      h('a', { href: accountUrl }, words.account),
      h(
        'button',
        { type: 'button', onClick: () => void auth.signOut().catch(() => setOpen(false)) },
        words.signOut,
      ),
    ),
  );
}

export type ProtectProps = {
  /** Roles of which the person needs one. Default: anyone who is signed in. */
  readonly roles?: readonly string[];
  /** Rendered instead of the children for everyone else. Default: a SignIn, or a message that access is denied. */
  readonly fallback?: ReactNode;
  readonly children?: ReactNode;
};

/**
 * Shows its children to those who may see them. It keeps a page tidy and no secret: what is behind it the server guards, such as
 * with `@manam/client/guards`.
 */
export function Protect({ roles, fallback, children }: ProtectProps) {
  const { auth, words } = useInner();
  if (auth.status === 'loading') return h('p', { role: 'status', className: 'manam-loading' }, words.loading);
  if (auth.user === undefined) return fallback ?? h(SignIn);
  const { user } = auth;
  const isPermitted = roles === undefined || roles.some((role) => user.roles.includes(role));
  return isPermitted ? children : (fallback ?? h('p', { className: 'manam-problem' }, words.denied));
}
