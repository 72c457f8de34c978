/**
 * What follows from what is known of an owner.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge, type OwnerFacts, type Verdict } from '../../src/fs/node-owner.ts';

const SOCKETS: readonly OwnerFacts['socket'][] = [
  'answers',
  'refused',
  'missing',
  'unreachable',
  undefined,
];
const STATES: readonly OwnerFacts['process'][] = ['runs', 'ended', 'unknown'];
const EITHER = [true, false];

/** A process beside this one, on a file system with sockets. */
const NEIGHBOUR: OwnerFacts = {
  socket: 'answers',
  isSameBoot: true,
  isSameNamespace: true,
  isHere: true,
  process: 'runs',
};

function everything(): { facts: OwnerFacts; isThread: boolean; verdict: Verdict }[] {
  const all = [];
  for (const socket of SOCKETS) {
    for (const process of STATES) {
      for (const isSameBoot of EITHER) {
        for (const isSameNamespace of EITHER) {
          for (const isHere of EITHER) {
            for (const isThread of EITHER) {
              const facts = { socket, process, isSameBoot, isSameNamespace, isHere };
              all.push({ facts, isThread, verdict: judge(facts, isThread) });
            }
          }
        }
      }
    }
  }
  return all;
}

const CASES: [string, Partial<OwnerFacts>, Verdict['life']][] = [
  ['a neighbour', {}, 'alive'],
  ['a neighbour that was killed', { socket: 'refused', process: 'ended' }, 'dead'],
  ['a container', { isSameNamespace: false, process: 'ended' }, 'alive'],
  ['a container that was killed', { socket: 'refused', isSameNamespace: false }, 'dead'],
  ['a container with a boot id of its own', { isSameBoot: false, isSameNamespace: false }, 'alive'],
  ['the same, killed', { socket: 'refused', isSameBoot: false, isSameNamespace: false }, 'dead'],
  ['a process of another user', { socket: 'unreachable' }, 'alive'],
  ['the same, killed', { socket: 'unreachable', process: 'ended' }, 'dead'],
  ['a container of another user', { socket: 'unreachable', isSameNamespace: false }, 'unknown'],
  ['the same, with a boot id', { socket: 'unreachable', isSameBoot: false }, 'unknown'],
  ['one whose socket was swept away', { socket: 'missing' }, 'alive'],
  ['the same, killed', { socket: 'missing', process: 'ended' }, 'dead'],
  ['the same, in a container', { socket: 'missing', isSameNamespace: false }, 'unknown'],
  ['one of which this is a copy', { socket: 'missing', isHere: false }, 'dead'],
  ['one before the system was started', { socket: 'missing', isSameBoot: false }, 'dead'],
  ['a neighbour without a socket', { socket: undefined }, 'alive'],
  ['the same, killed', { socket: undefined, process: 'ended' }, 'dead'],
  ['the same, where start times are hidden', { socket: undefined, process: 'unknown' }, 'unknown'],
  ['the same, in a container', { socket: undefined, isSameNamespace: false }, 'unknown'],
  ['the same, before the start', { socket: undefined, isSameBoot: false }, 'dead'],
];

for (const [name, facts, life] of CASES) {
  test(`${name} is ${life} (${JSON.stringify(facts)})`, () => {
    const verdict = judge({ ...NEIGHBOUR, ...facts }, false);
    assert.equal(verdict.life, life);
    assert.notEqual(verdict.reason, '');
  });
}

test('a thread whose socket is gone has ended, whatever its process does', () => {
  assert.equal(judge({ ...NEIGHBOUR, socket: 'missing' }, true).life, 'dead');
});

test('an answer of the socket decides, whatever else is known', () => {
  for (const { facts, verdict } of everything()) {
    if (facts.socket === 'answers') assert.equal(verdict.life, 'alive', JSON.stringify(facts));
    if (facts.socket === 'refused') assert.equal(verdict.life, 'dead', JSON.stringify(facts));
  }
});

test('a process of another namespace is never judged by its id', () => {
  for (const { facts, isThread, verdict } of everything()) {
    if (facts.isSameNamespace) continue;
    for (const process of STATES) {
      assert.deepEqual(judge({ ...facts, process }, isThread), verdict, JSON.stringify(facts));
    }
  }
});

test('a boot id decides only where there is no socket, or no name of one', () => {
  for (const { facts, isThread, verdict } of everything()) {
    if (verdict.life !== 'dead' || facts.isSameBoot) continue;
    const same = judge({ ...facts, isSameBoot: true }, isThread).life;
    const hasNone = facts.socket === undefined || facts.socket === 'missing';
    assert.ok(hasNone || same === 'dead', JSON.stringify(facts));
  }
});
