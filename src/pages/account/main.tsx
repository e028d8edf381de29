import { render } from 'preact';
import '../theme.css';
import '../kit/kit.css';
import './account.css';
import { applyTheme, readSettings } from '../kit/settings.ts';
import { App } from './app.tsx';

const settings = readSettings();
applyTheme(settings.theme);
const root = document.getElementById('app');
if (root !== null)
  render(
    <App settings={settings} initialLocale={document.documentElement.lang === 'fa' ? 'fa' : 'en'} />,
    root,
  );
