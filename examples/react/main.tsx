import '@manam/client/react.css';
import { ManamProvider, Protect, UserButton, useAuth, useUser } from '@manam/client/react';
import { useState } from 'react';
import { createRoot } from 'react-dom/client';

/** Set by examples/react.ts. */
declare const ISSUER: string;
declare const CLIENT_ID: string;

function Inside() {
  const user = useUser();
  const { getAccessToken } = useAuth();
  const [length, setLength] = useState<number>();
  // For your API: `authorization: Bearer …`.
  const read = async () => setLength((await getAccessToken())?.length);
  return (
    <>
      <p>Hello, {user?.name || user?.email}.</p>
      <button type="button" onClick={() => void read()}>
        Get an access token
      </button>
      {length !== undefined && <p role="status">It has {length} characters.</p>}
      <Protect roles={['admin']} fallback={<p>There is more for admins.</p>}>
        <p>You are an admin.</p>
      </Protect>
    </>
  );
}

const locale = navigator.language.startsWith('fa') ? 'fa' : 'en';
document.documentElement.lang = locale;
document.documentElement.dir = locale === 'fa' ? 'rtl' : 'ltr';
const root = document.getElementById('app');
if (root !== null)
  createRoot(root).render(
    <ManamProvider issuer={ISSUER} clientId={CLIENT_ID} scope="openid profile email roles" locale={locale}>
      <main>
        <header>
          <h1>A page with React</h1>
          <UserButton />
        </header>
        <Protect>
          <Inside />
        </Protect>
      </main>
    </ManamProvider>,
  );
