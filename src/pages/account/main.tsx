import { render } from 'preact';
import '../theme.css';
import './account.css';
import { App } from './app.tsx';
import { applyTheme, readSettings } from './settings.ts';

const settings = readSettings();
applyTheme(settings.theme);
const root = document.getElementById('app');
if (root !== null)
  render(
    <App settings={settings} initialLocale={document.documentElement.lang === 'fa' ? 'fa' : 'en'} />,
    root,
  );
