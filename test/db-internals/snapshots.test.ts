import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import fc from 'fast-check';
import { type Snapshot, SnapshotList } from '../../src/db/snapshot.ts';
import { growth } from './growth.ts';

describe('the list of live snapshots', () => {
  test('says what a sorted array of them says', () => {
    const step = fc.oneof(
      fc.record({ take: fc.nat(2) }),
      fc.record({ release: fc.nat(), twice: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const list = new SnapshotList(() => {});
        let live: Snapshot[] = [];
        let seqno = 0;
        for (const one of steps) {
          if ('take' in one) {
            seqno += one.take;
            live.push(list.take(seqno));
          } else if (live.length > 0) {
            const victim = live[one.release % live.length]!;
            victim.release();
            if (one.twice) victim.release();
            live = live.filter((other) => other !== victim);
          }
          const seqnos = live.map((snapshot) => snapshot.seqno);
          assert.equal(list.count, seqnos.length);
          assert.equal(list.oldest?.seqno, seqnos[0]);
          assert.deepEqual(list.distinct(), [...new Set(seqnos)]);
        }
      }),
    );
  });

  test('releases one of many as fast as one of few', async () => {
    const orders: [name: string, order: (live: Snapshot[]) => Snapshot[]][] = [
      ['oldest first', (live) => live],
      ['newest first', (live) => live.toReversed()],
      [
        'every other first',
        (live) => [...live.filter((_, i) => i % 2), ...live.filter((_, i) => !(i % 2))],
      ],
    ];
    for (const [name, order] of orders) {
      const times = await growth(4_000, 16, (size) => {
        const list = new SnapshotList(() => {});
        const live = order(Array.from({ length: size }, (_, i) => list.take(i)));
        return () => {
          for (const snapshot of live) snapshot.release();
          assert.equal(list.count, 0);
        };
      });
      assert.ok(times < 100, `${name}: 16 times as many cost ${times.toFixed(1)} times as much`);
    }
  });
});
