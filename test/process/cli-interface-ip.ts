// SPDX-License-Identifier: MIT
//
// Loaded into the command before anything else: `ip` is played, and knows a configured lan0. Used by cli-interface.test.ts.

import { replaceIpProgram } from '../../dist/bus/interface/ip-program.js';
import { FakeIp } from '../unit/interface-kernel.js';
import { configured } from '../unit/interface-scene.js';

const ip = new FakeIp();
ip.make('lan0', structuredClone(configured));
replaceIpProgram(ip);
