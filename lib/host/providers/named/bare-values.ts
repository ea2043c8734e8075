// SPDX-License-Identifier: MIT
//
// What a value without a name means to each provider that has an option which is obviously meant; and the images of disks
// that options name.
// Called by: by-name.ts.

import { invalidValue } from '../../../errors.js';
import { diskOptions } from '../storvsp/disk-choice.js';
import type { BareValue, NamedImage } from './types.js';

type Options = Readonly<Record<string, unknown>>;

/** One value for one option. */
export function bareOption(option: string, placeholder: string): BareValue {
  return {
    placeholder,
    option,
    isList: false,
    put: (values, others) => ({ ...others, [option]: values[0] }),
  };
}

/** Images of a controller. What else is said of a disk holds for each of them. */
export const bareImages: BareValue = {
  placeholder: 'FILE',
  option: 'file',
  isList: true,
  put(files, others) {
    if (files.length === 1) return { ...others, file: files[0] };
    const isOfDisk = (name: string): boolean => (diskOptions as readonly string[]).includes(name);
    const entries = Object.entries(others);
    const common = Object.fromEntries(entries.filter(([name]) => isOfDisk(name)));
    const rest = Object.fromEntries(entries.filter(([name]) => !isOfDisk(name)));
    return { ...rest, disks: files.map((file) => ({ ...common, file })) };
  },
};

/** Resolutions of a screen: `1024x768`. */
export const bareResolutions: BareValue = {
  placeholder: 'WIDTHxHEIGHT',
  option: 'resolutions',
  isList: true,
  put: (values, others) => ({ ...others, resolutions: values.map(resolution) }),
};

function resolution(value: string): { readonly width: number; readonly height: number } {
  const [, width, height] = /^(\d+)x(\d+)$/.exec(value) ?? [];
  if (width === undefined || height === undefined)
    throw invalidValue('device', 'must have resolutions such as 1024x768', value);
  return { width: Number(width), height: Number(height) };
}

/** The images that options of a storage device name. */
export function imagesOf(options: Options): readonly NamedImage[] {
  const disks = Array.isArray(options.disks) ? (options.disks as readonly Options[]) : [options];
  return disks.flatMap(({ file, readonly }) =>
    typeof file === 'string' ? [{ file, readonly: readonly === true }] : [],
  );
}
