/**
 * Tools to test databases and file systems with: `varve/testing`.
 * @module
 */
export { CrashFs } from './crash-fs.ts';
export { CRASH_VARIANTS, type CrashVariant } from './crash-state.ts';
export {
  type FaultCall,
  FaultFs,
  type FaultOperation,
  type FaultRule,
} from './fault-fs.ts';
export { type FsFixture, type FsSuite, fsSuite } from './fs-suite.ts';
export { PowerCut } from './power-cut.ts';
export { SeededRandom } from './seeded-random.ts';
export { SimulatedClock } from './simulated-clock.ts';
export { SimulatedThreads } from './simulated-threads.ts';
