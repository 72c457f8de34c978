#!/usr/bin/env node
/**
 * Starts the `varve` command.
 * @module
 */
import { run } from './program.ts';

process.exitCode = await run(process.argv.slice(2));
