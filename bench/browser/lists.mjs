/**
 * What is measured of a store. Each list opens databases of its own and returns its rows: a unit
 * that ends in /s is better high, milliseconds are better low.
 */

const KEY_DIGITS = 16;
const VALUE_BYTES = 100;
const BATCH_COUNT = 1000;
/** Of PGlite's list. */
const ROUND_TRIPS = 100;
const TEXT_BYTES = [8, 1000, 10_000];

export const LISTS = { load, roundTrips, article };

const keyAt = (n) => String(n).padStart(KEY_DIGITS, '0');

/** Half of it compresses, as in the other benchmarks. */
function valueAt(n, bytes = VALUE_BYTES) {
  const value = new Uint8Array(bytes);
  let state = n + 1;
  for (let i = 0; i < bytes / 2; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    value[i] = state >>> 24;
  }
  return value;
}

function* random(count, below) {
  let state = 7;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state % below;
  }
}

/** Does `step` for each until the time is over; returns how many a second. */
async function rateOf(items, limitMs, step) {
  const begin = performance.now();
  let count = 0;
  for (const item of items) {
    count += (await step(item)) ?? 1;
    if (performance.now() - begin > limitMs) break;
  }
  return { count, perSecond: (count / (performance.now() - begin)) * 1000 };
}

async function timed(work) {
  const begin = performance.now();
  const result = await work();
  return { result, milliseconds: performance.now() - begin };
}

function expect(isRight, what) {
  if (!isRight) throw new Error(what);
}

/** (a) Entries of 16 + 100 bytes in batches, single durable writes, reads, a scan, a reopen. */
async function load({ open }, name, { count, durableCount, readCount, limitMs }) {
  let store = await open(name);
  const firsts = Array.from({ length: Math.ceil(count / BATCH_COUNT) }, (_, i) => i * BATCH_COUNT);
  const loaded = await rateOf(firsts, limitMs, async (first) => {
    const numbers = Array.from({ length: BATCH_COUNT }, (_, i) => first + i);
    await store.putAll(numbers.map((n) => [keyAt(n), valueAt(n)]));
    if (first === firsts.at(-1)) await store.settle();
    return BATCH_COUNT;
  });
  const durable = await rateOf(random(durableCount, loaded.count), limitMs, async (n) => {
    // Another value than before: SQLite writes nothing where nothing changes.
    await store.put(keyAt(n), valueAt(n + 1));
  });
  const reads = await rateOf(random(readCount, loaded.count), limitMs, async (n) => {
    const value = await store.get(keyAt(n));
    expect(value?.length === VALUE_BYTES, `${keyAt(n)} is not there`);
  });
  const scan = await timed(() => store.scan());
  // What was written to settle a store counts, too.
  expect(scan.result - loaded.count <= 1, `the scan finds ${scan.result} of ${loaded.count}`);
  await store.close();
  const reopened = await timed(async () => {
    store = await open(name);
    return store.get(keyAt(1));
  });
  expect(reopened.result?.length === VALUE_BYTES, 'it is gone after the reopen');
  await store.close();
  return [
    ['puts in batches of 1,000', loaded.perSecond, 'entries/s'],
    ['durable puts, one by one', durable.perSecond, 'puts/s'],
    ['random reads, one by one', reads.perSecond, 'gets/s'],
    ['scan of everything', (scan.result / scan.milliseconds) * 1000, 'entries/s'],
    ['reopen to first read', reopened.milliseconds, 'ms'],
  ];
}

/** (b) PGlite's round trips, as keys and values: the mean without the tenths at both ends. */
async function roundTrips({ open }, name) {
  const store = await open(name);
  const rows = [];
  const measure = async (what, step) => {
    const times = [];
    for (let i = 0; i < ROUND_TRIPS; i++) {
      times.push((await timed(() => step(i))).milliseconds);
    }
    times.sort((a, b) => a - b);
    const kept = times.slice(ROUND_TRIPS / 10, -ROUND_TRIPS / 10);
    rows.push([what, kept.reduce((sum, time) => sum + time, 0) / kept.length, 'ms']);
  };
  for (const bytes of TEXT_BYTES) {
    const key = (i) => `${bytes} ${keyAt(i)}`;
    await measure(`insert ${bytes} bytes`, (i) => store.put(key(i), valueAt(i, bytes)));
    await measure(`select ${bytes} bytes`, () => store.get(key(33)));
    await measure(`update ${bytes} bytes`, (i) => store.put(key(66), valueAt(i, bytes)));
    await measure(`delete ${bytes} bytes`, (i) => store.delete(key(i)));
  }
  await store.close();
  return rows;
}

/** (c) What a well-known article on storage in browsers measures. */
async function article({ open }, name) {
  const opened = await timed(() => open(name));
  const store = opened.result;
  const write = await timed(() => store.put(keyAt(0), valueAt(0)));
  const read = await timed(() => store.get(keyAt(0)));
  const writes = await timed(async () => {
    for (let n = 0; n < 200; n++) await store.put(keyAt(n), valueAt(n));
  });
  const reads = await timed(async () => {
    for (let n = 0; n < 100; n++) await store.get(keyAt(n));
  });
  await store.close();
  return [
    ['open a new database', opened.milliseconds, 'ms'],
    ['one write', write.milliseconds, 'ms'],
    ['one read', read.milliseconds, 'ms'],
    ['200 writes', writes.milliseconds, 'ms'],
    ['100 reads', reads.milliseconds, 'ms'],
  ];
}
