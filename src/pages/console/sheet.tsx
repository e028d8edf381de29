import type { DescMethod } from '@bufbuild/protobuf';
import type { ComponentChildren } from 'preact';
import type { Failure } from '../../clients/web.ts';
import { Form, type FormProps, type Values } from '../kit/form.tsx';
import { isNamed } from '../kit/frame.tsx';
import { useLanguage } from './language.ts';
import { Code } from './parts.tsx';
import { useConsole } from './state.ts';

/** A form that also says what is wrong with fields that it does not show. */
export function Sheet(props: FormProps) {
  return <Form {...props} help={(failure, form) => <OtherMistakes failure={failure} form={form} />} />;
}

type MistakesProps = { readonly failure: Failure; readonly form: HTMLFormElement | null };

function OtherMistakes({ failure, form }: MistakesProps) {
  const shown = [...(form?.querySelectorAll<HTMLElement>('[data-names]') ?? [])].flatMap((each) =>
    (each.dataset['names'] ?? '').split(' '),
  );
  const others = Object.entries(failure.fields).filter(([field]) => !isNamed(field, shown));
  if (others.length === 0) return null;
  return (
    <ul>
      {others.map(([field, { message }]) => (
        <li key={field}>
          <Code>{field}</Code> {message}
        </li>
      ))}
    </ul>
  );
}

type EditableProps = {
  /** The method that saves it: who may not call it sees the fields alone. */
  readonly method: DescMethod;
  readonly onSave: (values: Values) => Promise<void>;
  readonly children: ComponentChildren;
};

/** Settings that some may change and all may see. */
export function Editable({ method, onSave, children }: EditableProps) {
  const { t } = useLanguage();
  const { may } = useConsole();
  if (!may(method)) return <fieldset disabled>{children}</fieldset>;
  return (
    <Sheet submit={t('save')} onSubmit={onSave}>
      {children}
    </Sheet>
  );
}
