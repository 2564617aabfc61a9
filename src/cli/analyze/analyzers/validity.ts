// What is wrong with single objects, and what translation would tell their authors: the same code as in the
// controller.

import type { Problem } from '../../../controller/translate/finding.ts';
import { translate } from '../../../controller/translate/translate.ts';
import { ValidVersions } from '../../../controller/translate/valid-versions.ts';
import { validateObject } from '../../../controller/translate/validations.ts';
import type { Code } from '../../../mesh/catalogue.ts';
import { type IstioCode, type Message, message, messageKinds } from '../message.ts';
import type { World } from '../world.ts';

/** IST0106, IST0133 and IST0002: what the webhook says. */
export function validity({ objects }: World): Message[] {
  return objects.flatMap((object) => {
    const { problems, warnings } = validateObject(object) ?? { problems: [], warnings: [] };
    return [
      ...problems.map(({ code, field, text }) => message('IST0106', object, field, text, code)),
      ...warnings
        .filter(isToldHere)
        .map(({ code, field, text }) =>
          message(
            text.includes('is deprecated') ? 'IST0002' : 'IST0133',
            object,
            field,
            text,
            code,
          ),
        ),
    ];
  });
}

/** Rules that are never reached have codes of their own. */
function isToldHere({ code }: Problem): boolean {
  return code !== 'AMB1614';
}

/** Istio's codes for what translation finds. */
const istioCodes: Readonly<Partial<Record<Code, IstioCode>>> = {
  AMB1607: 'IST0101',
  AMB1614: 'IST0130',
  AMB1610: 'IST0167',
  AMB1612: 'IST0167',
  AMB1616: 'IST0167',
  AMB1618: 'IST0167',
  AMB1629: 'IST0101',
};

/** Told by the analyzers of single objects and references, with the field. */
const toldElsewhere = new Set<Code>(['AMB1611', 'AMB1613', 'AMB1619', 'AMB1654', 'AMB1644']);

/** What translation tells authors, beside what the analyzers of references say of VirtualServices. */
export function translation({ source, mesh, objects }: World): Message[] {
  const { findings } = translate(source, new ValidVersions(), mesh);
  const byName = new Map(
    objects.map((one) => [`${one.kind} ${one.metadata.namespace ?? ''}/${one.metadata.name}`, one]),
  );
  return findings.flatMap(({ object: reference, code, type, message: text, status }) => {
    const object = byName.get(`${reference.kind} ${reference.namespace ?? ''}/${reference.name}`);
    if (code === undefined || object === undefined || toldElsewhere.has(code)) return [];
    // Of what is not valid, and of what is only warned of, the validation speaks.
    if (type === 'ambit.io/Accepted') return [];
    if (code === 'AMB1607' && reference.kind === 'VirtualService') return [];
    const words = text.replace(new RegExp(`^${code}:? ?`), '');
    const istio = istioCodes[code];
    if (istio !== undefined) return [message(istio, object, '', words, code)];
    const level = status === 'False' ? messageKinds.IST0133.level : 'Info';
    return [{ code, level, ambitCode: code, object, field: '', text: words }];
  });
}
