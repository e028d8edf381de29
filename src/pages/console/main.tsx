import { render } from 'preact';
import '../theme.css';
import '../kit/kit.css';
import '../kit/shell.css';
import './frame.css';
import './parts.css';
import './screens.css';
import { documentLocale } from '../kit/language.ts';
import { applyTheme, readSettings } from '../kit/settings.ts';
import { App } from './app.tsx';
import { wordsOf } from './language.ts';

const settings = readSettings();
applyTheme(settings.theme);
const locale = documentLocale();
const speech = { locale, words: await wordsOf(locale) };
const root = document.getElementById('app');
if (root !== null) render(<App settings={settings} speech={speech} />, root);
