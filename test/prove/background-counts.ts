/**
 * What runs with background work under trouble did, to show that they met what they were meant to
 * meet.
 * @module
 */

/** See the module head. */
export interface BackgroundCounts {
  steps: number;
  comparisons: number;
  /** Processes that opened the database. */
  lives: number;
  failedOpenings: number;
  failedCloses: number;
  writes: number;
  /** Writes that would have had to wait. */
  refusals: number;
  /** Writes that waited, or were slowed. */
  stalls: number;
  /** Changes that failed, and may have happened on the disk all the same. */
  openChanges: number;
  /** Calls of the disk that were made to fail. */
  faults: number;
  /** Errors that stopped writing. */
  stops: number;
  resumes: number;
  failedResumes: number;
  /** Writes that found space on a disk that had been full, and went on by themselves. */
  selfResumes: number;
  createdFamilies: number;
  droppedFamilies: number;
  flushes: number;
  compactions: number;
  trivialMoves: number;
}

/** Nothing was done. */
export const NO_COUNTS: BackgroundCounts = {
  steps: 0,
  comparisons: 0,
  lives: 0,
  failedOpenings: 0,
  failedCloses: 0,
  writes: 0,
  refusals: 0,
  stalls: 0,
  openChanges: 0,
  faults: 0,
  stops: 0,
  resumes: 0,
  failedResumes: 0,
  selfResumes: 0,
  createdFamilies: 0,
  droppedFamilies: 0,
  flushes: 0,
  compactions: 0,
  trivialMoves: 0,
};
