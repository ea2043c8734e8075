// SPDX-License-Identifier: MIT
//
// "Am I on Hyper-V, which generation, which host, is it confidential?", each with its evidence. What cannot be told
// is null, and its evidence says why: nothing on the machine makes it throw.
// Called by scripts, `hv info`, the doctor and snapshots. Calls evidence.ts (facts) and judgement.ts (conclusions).

import { realpathSync } from 'node:fs';
import path from 'node:path';
import { rootKind } from '../bus/root.js';
import { checkOptionNames, checkText } from '../check.js';
import { native } from '../native/load.js';
import { enlightenments, isRootPartition, hypervisorLeaves as leaves, limitsOf } from './cpuid-leaves.js';
import type { MachineFacts } from './evidence.js';
import { gatherFacts } from './evidence.js';
import {
  judgeGeneration,
  judgeHostVersion,
  judgeHypervisor,
  judgeInterface,
  judgeIsolation,
  judgePlatform,
  judgeVmbus,
} from './judgement.js';
import type { Detection, DetectOptions, Finding, Hypervisor } from './types.js';

/**
 * What machine this is, with evidence. Needs no privilege; root sees one more table.
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE for wrong options, and nothing else
 * @example
 * const { hypervisor, generation, hostVersion } = detect();
 * if (hypervisor.value === 'hyper-v') console.log(`Gen ${generation.value} on ${hostVersion.value?.text}`);
 * @category Insight
 */
export function detect(options: DetectOptions = {}): Detection {
  checkOptionNames(options, ['root']);
  checkText(options.root, 'options.root');
  const root = settleRoot(options.root);
  return judge(root, rootKind(root), factsOf(root));
}

/** Facts of a root; the processor is asked for the running system only. */
export function factsOf(root: string): MachineFacts {
  if (root !== '/') return gatherFacts(root, null, null);
  try {
    const binding = native();
    return gatherFacts(root, (leaf, subleaf, out) => binding.cpuid(leaf, subleaf, out), null);
  } catch (error) {
    return gatherFacts(
      root,
      null,
      `the addon cannot be loaded: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** The root as a path that exists; as it was named where it does not. */
export function settleRoot(root: string | undefined): string {
  const named = root ?? (process.env.VMBUS_ROOT || '/');
  try {
    return realpathSync(named);
  } catch {
    return path.resolve(named);
  }
}

/** Conclusions from facts. */
export function judge(root: string, kind: Detection['rootKind'], facts: MachineFacts): Detection {
  if (kind === 'simulated') return simulated(root, facts);
  const hypervisor = judgeHypervisor(facts);
  const hyperVInterface = judgeInterface(facts);
  const hasInterface = hyperVInterface.value === true;
  const features = (hasInterface && facts.cpuid?.get(leaves.features)) || null;
  const recommendations = (hasInterface && facts.cpuid?.get(leaves.recommendations)) || null;
  const limits = hasInterface ? facts.cpuid?.get(leaves.limits) : undefined;
  const isolation = judgeIsolation(facts, hasInterface);
  const parts = {
    root,
    rootKind: kind,
    architecture: facts.architecture,
    hypervisor,
    hyperVInterface,
    platform: judgePlatform(facts, hypervisor.value),
    isRootPartition: features !== null && isRootPartition(features),
    hostVersion: judgeHostVersion(facts, hasInterface),
    generation: judgeGeneration(facts, hasInterface),
    isolation,
    isConfidential: isolation.value !== null && isolation.value !== 'none',
    vmbus: judgeVmbus(facts),
    enlightenments: enlightenments(features, recommendations),
    limits: limits ? limitsOf(limits) : null,
  };
  return { ...parts, summary: summarize(parts) };
}

function simulated(root: string, facts: MachineFacts): Detection {
  const evidence = [{ source: 'run/vmbus/host.json', says: 'a simulated host serves this root' }];
  const none = <T>(value: T): Finding<T> => ({ value, confidence: 'certain', evidence });
  const vmbus = judgeVmbus(facts);
  return {
    root,
    rootKind: 'simulated',
    architecture: facts.architecture,
    hypervisor: none('simulated' as const),
    hyperVInterface: none(false),
    platform: none(null),
    isRootPartition: false,
    hostVersion: none(null),
    generation: none(null),
    isolation: none('none' as const),
    isConfidential: false,
    vmbus,
    enlightenments: [],
    limits: null,
    summary: `a simulated host with ${count(vmbus.value.devices)} on its bus`,
  };
}

const names: Readonly<Record<Hypervisor, string>> = {
  'hyper-v': 'Hyper-V',
  kvm: 'KVM',
  xen: 'Xen',
  vmware: 'VMware',
  other: 'another hypervisor',
  simulated: 'a simulated host',
  none: 'none',
  unknown: 'unknown',
};
const platforms = { azure: 'in Azure', wsl: 'as WSL', 'on-premises': '' } as const;

function summarize(found: Omit<Detection, 'summary'>): string {
  const hypervisor = found.hypervisor.value;
  if (hypervisor === 'none')
    return `bare metal, no hypervisor${found.vmbus.value.isPresent ? ', although there is a VMBus' : ''}`;
  if (hypervisor === 'unknown')
    return `nothing tells what runs this machine${found.vmbus.value.isPresent ? '; there is a VMBus' : ', and there is no VMBus'}`;
  const role = found.isRootPartition ? 'the root partition of' : 'a guest of';
  const presents =
    hypervisor !== 'hyper-v' && found.hyperVInterface.value === true ? ', which presents the interface of Hyper-V' : '';
  const platform = found.platform.value === null ? '' : platforms[found.platform.value];
  const host = found.hostVersion.value ? `host ${found.hostVersion.value.text}` : '';
  const generation = found.generation.value === null ? '' : `generation ${found.generation.value}`;
  const confidential = found.isConfidential ? `confidential (${found.isolation.value})` : '';
  const bus = found.vmbus.value.isPresent ? `VMBus with ${count(found.vmbus.value.devices)}` : 'no VMBus';
  const head = [`${role} ${names[hypervisor]}`, platform].filter(Boolean).join(' ');
  const doubt = found.hypervisor.confidence === 'certain' ? '' : ` (${found.hypervisor.confidence})`;
  return [`${head}${doubt}${presents}`, host, generation, confidential, bus].filter(Boolean).join(', ');
}

function count(devices: number): string {
  return devices === 1 ? '1 device' : `${devices} devices`;
}
