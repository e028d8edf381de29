import type { Profile } from './model.ts';

/** The profile of a user who has said nothing of himself. */
export const emptyProfile: Profile = {
  firstName: '',
  lastName: '',
  nationalCode: '',
  birthday: '',
  birthdayGregorian: undefined,
  picture: '',
  address: '',
  postalCode: '',
  maritalStatus: '',
  facebookId: '',
  instagramId: '',
  twitterId: '',
  linkedinId: '',
  document: '',
  telephone: '',
  customFields: [],
};
