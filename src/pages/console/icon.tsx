import back from 'bootstrap-icons/icons/arrow-left.svg?raw';
import overview from 'bootstrap-icons/icons/bar-chart.svg?raw';
import out from 'bootstrap-icons/icons/box-arrow-right.svg?raw';
import away from 'bootstrap-icons/icons/box-arrow-up-right.svg?raw';
import webhooks from 'bootstrap-icons/icons/broadcast.svg?raw';
import tenant from 'bootstrap-icons/icons/building.svg?raw';
import messages from 'bootstrap-icons/icons/envelope.svg?raw';
import warning from 'bootstrap-icons/icons/exclamation-triangle.svg?raw';
import settings from 'bootstrap-icons/icons/gear.svg?raw';
import empty from 'bootstrap-icons/icons/inbox.svg?raw';
import events from 'bootstrap-icons/icons/journal-text.svg?raw';
import keys from 'bootstrap-icons/icons/key.svg?raw';
import menu from 'bootstrap-icons/icons/list.svg?raw';
import branding from 'bootstrap-icons/icons/palette.svg?raw';
import users from 'bootstrap-icons/icons/people.svg?raw';
import account from 'bootstrap-icons/icons/person.svg?raw';
import members from 'bootstrap-icons/icons/person-badge.svg?raw';
import add from 'bootstrap-icons/icons/plus-lg.svg?raw';
import search from 'bootstrap-icons/icons/search.svg?raw';
import signIn from 'bootstrap-icons/icons/shield-lock.svg?raw';
import language from 'bootstrap-icons/icons/translate.svg?raw';
import applications from 'bootstrap-icons/icons/window.svg?raw';
import close from 'bootstrap-icons/icons/x-lg.svg?raw';

const drawings = {
  account,
  add,
  applications,
  away,
  back,
  branding,
  close,
  empty,
  events,
  keys,
  language,
  members,
  menu,
  messages,
  out,
  overview,
  search,
  settings,
  signIn,
  tenant,
  users,
  warning,
  webhooks,
} as const;

export type IconName = keyof typeof drawings;

/** A drawing beside a text that says the same. */
export function Icon({ name }: { readonly name: IconName }) {
  // The drawings come with the page.
  return (
    <span
      class={name === 'back' || name === 'out' || name === 'away' ? 'icon directed' : 'icon'}
      aria-hidden="true"
      dangerouslySetInnerHTML={{ __html: drawings[name] }}
    />
  );
}
