import { render } from 'preact';
import '../theme.css';
import './account.css';
import { App } from './app.tsx';
import { applyColor, readSettings } from './settings.ts';

const settings = readSettings();
applyColor(settings.color);
const root = document.getElementById('app');
if (root !== null)
  render(
    <App settings={settings} initialLocale={document.documentElement.lang === 'fa' ? 'fa' : 'en'} />,
    root,
  );
