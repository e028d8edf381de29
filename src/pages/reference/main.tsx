import { render } from 'preact';
import '../theme.css';
import '../kit/kit.css';
import '../kit/shell.css';
import './reference.css';
import { Reference } from './reference.tsx';

const root = document.getElementById('app');
if (root !== null) render(<Reference />, root);
