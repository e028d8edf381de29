'use client';

export { Protect, type ProtectProps, SignIn, type SignInProps, UserButton } from './react/components.ts';
export {
  type Auth,
  ManamProvider,
  type ManamProviderProps,
  type SignedInUser,
  useAuth,
  useUser,
} from './react/provider.ts';
export type { ReactLocale } from './react/words.ts';
