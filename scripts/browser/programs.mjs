/**
 * Where the browsers are that scripts drive.
 * @module
 */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const PROGRAMS = {
  chromium: {
    title: 'Chromium',
    variable: 'CHROMIUM',
    names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
    package: 'chromium',
  },
  firefox: {
    title: 'Firefox',
    variable: 'FIREFOX',
    names: ['firefox-esr', 'firefox'],
    package: 'firefox-esr',
  },
};

/** Path of a browser: what its variable says, or else from PATH; undefined if it is not there. */
export function programOf(browser) {
  const { variable, names } = PROGRAMS[browser];
  const { [variable]: given, PATH = '' } = process.env;
  if (given !== undefined) return given;
  const folders = PATH.split(delimiter);
  const found = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return found.find((path) => existsSync(path));
}

/** What people call a browser. */
export function titleOf(browser) {
  return PROGRAMS[browser].title;
}

/** Says how to get a browser. */
export function missing(browser) {
  const { title, variable, package: name } = PROGRAMS[browser];
  return `There is no ${title}. Install it (Debian: apt-get install ${name}), or set ${variable}.`;
}
