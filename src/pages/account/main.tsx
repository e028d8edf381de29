import { render } from 'preact';
import '../theme.css';
import '../kit/kit.css';
import './account.css';
import { documentLocale } from '../kit/language.ts';
import { applyTheme, readSettings } from '../kit/settings.ts';
import { App } from './app.tsx';
import { wordsOf } from './language.ts';
import { takeArrival } from './place.ts';

const settings = readSettings();
const arrival = takeArrival(settings.slug);
applyTheme(settings.theme);
const locale = documentLocale();
const speech = { locale, words: await wordsOf(locale) };
const root = document.getElementById('app');
if (root !== null) render(<App settings={settings} speech={speech} arrival={arrival} />, root);
