// What the authors of DestinationRules are told beside validity: where their rules hold, and which object
// holds in their place.

import type { DestinationRule } from '../kinds/networking.ts';
import { describeObject } from '../kinds/object.ts';
import type { RuleChoice } from './destination-rules.ts';
import type { Finding } from './finding.ts';

/** Most places that one condition lists. */
const maxListed = 20;

interface RuleUse {
  /** Services, each at a waypoint. */
  readonly inForce: Set<string>;
  /** Those for which another object holds, with its name. */
  readonly lost: Map<string, string>;
  /** Those for which another object says something closer, with its name. */
  readonly overridden: Map<string, string>;
}

/** Which rules hold for which services; filled while configurations are built. */
export class DestinationRuleUses {
  readonly #byObject = new Map<string, RuleUse>();

  /** Notes what has been chosen for a service at a waypoint. */
  note(place: string, { inForce, lost, overridden }: RuleChoice): void {
    const winner = inForce.map(describeObject).join(', ');
    for (const rule of inForce) this.#useOf(rule).inForce.add(place);
    for (const rule of lost) this.#useOf(rule).lost.set(place, winner);
    for (const rule of overridden) this.#useOf(rule).overridden.set(place, winner);
  }

  /** The condition that says where a rule holds. */
  finding(rule: DestinationRule): Finding {
    const { namespace = '', name } = rule.metadata;
    const shared = {
      object: { kind: 'DestinationRule', namespace, name },
      type: 'ambit.io/Programmed',
    } as const;
    const { inForce, lost, overridden } = this.#useOf(rule);
    const places = listed([...inForce].toSorted());
    // To be overridden somewhere is what a rule for many hosts is for; to hold nowhere is not.
    const others = inForce.size > 0 ? lost : new Map([...lost, ...overridden]);
    if (others.size > 0) {
      const list = listed(
        [...others].map(([place, winner]) => `for ${place} ${winner} holds instead`),
      );
      const message = `AMB1640 ${inForce.size > 0 ? `in force for ${places}; ` : ''}${list}`;
      const status = inForce.size > 0 ? 'True' : 'False';
      const reason = lost.size > 0 ? 'Conflict' : 'Overridden';
      return { ...shared, status, reason, message, code: 'AMB1640' };
    }
    if (inForce.size > 0) {
      return { ...shared, status: 'True', reason: 'Programmed', message: `in force for ${places}` };
    }
    const message =
      'AMB1643 no waypoint that sees this rule leads to a service that spec.host names, so it has no effect';
    return { ...shared, status: 'False', reason: 'NoWaypoint', message, code: 'AMB1643' };
  }

  #useOf(rule: DestinationRule): RuleUse {
    const key = describeObject(rule);
    const use = this.#byObject.get(key) ?? {
      inForce: new Set(),
      lost: new Map(),
      overridden: new Map(),
    };
    this.#byObject.set(key, use);
    return use;
  }
}

function listed(texts: readonly string[]): string {
  const more = texts.length - maxListed;
  return texts.slice(0, maxListed).join('; ') + (more > 0 ? `; and ${more} more` : '');
}
