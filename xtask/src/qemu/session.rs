// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guests of a suite, from start to end.

use std::process::Command;
use std::sync::Arc;
use std::thread;

use anyhow::{anyhow, ensure, Result};
use daxfs_vm_protocol::suite::{Limits, Memory};
use daxfs_vm_protocol::{Arguments, Setting, Suite};

use super::artifacts::{kernel_of, Artifacts};
use super::conductor::{Conductor, Sample};
use super::files::GuestFiles;
use super::machine::{Machine, Placed, Processor, Window};
use super::report::Report;
use super::shared::SharedMemory;
use super::watch::watch;

/// The guests of a suite, ready to start.
pub(super) struct Session {
    /// The machines, in the order of the guests.
    pub(super) machines: Vec<Machine>,
    /// The time limits of each guest.
    pub(super) limits: Limits,
    conductor: Option<Conductor>,
}

/// The end of a session.
pub(super) struct Outcome {
    /// The report of each guest.
    pub(super) reports: Vec<Report>,
    /// The memory that the guests took at each step, if there are several.
    pub(super) samples: Result<Vec<Sample>>,
}

impl Session {
    /// Prepares the guests of a suite. Guests with an image in a BAR share its memory.
    pub(super) fn new(
        suite: &Suite,
        files: &[GuestFiles],
        artifacts: &Artifacts,
        processor: Processor,
    ) -> Result<Self> {
        let shared = shared_image(suite, files)?;
        let mut machines = Vec::new();
        for (guest, files) in suite.guests.iter().zip(files) {
            let image = match (guest.memory, &shared) {
                (Memory::Bar | Memory::LowBar, Some(memory)) => Placed::Shared(Arc::clone(memory)),
                _ => Placed::Reserved(files.image.clone()),
            };
            let workbench = guest.workbench.map(SharedMemory::blank).transpose()?;
            machines.push(Machine {
                shared: workbench.into_iter().collect(),
                peers: files.peers.clone(),
                ram: guest.ram,
                window: match guest.memory {
                    Memory::Bar => Window::High,
                    Memory::LowBar | Memory::Reserved => Window::Low,
                },
                chipset: guest.chipset,
                ..Machine::new(artifacts, files.initramfs.clone(), image, processor)
            });
        }
        let conductor = shared.filter(|_| suite.is_joint()).map(Conductor::new);
        let conductor = conductor.transpose()?;
        if let Some(conductor) = &conductor {
            for (machine, footprint) in machines.iter_mut().zip(conductor.footprints()) {
                machine.shared.push(conductor.words());
                machine.footprint = Some(Arc::clone(footprint));
            }
        }
        Ok(Self {
            machines,
            limits: suite.limits(kernel_of(artifacts.configuration)),
            conductor,
        })
    }

    /// Runs all guests to their ends.
    pub(super) fn run(&self, arguments: &Arguments) -> Result<Outcome> {
        let mut commands = Vec::new();
        for (number, machine) in self.machines.iter().enumerate() {
            let mut arguments = arguments.clone();
            arguments.set(Setting::Guest, &number);
            commands.push(machine.command(&arguments)?);
        }
        let (reports, samples) = thread::scope(|scope| {
            let conductor = self.conductor.as_ref();
            let samples = conductor.map(|conductor| scope.spawn(|| conductor.run()));
            let start = |mut command: Command| scope.spawn(move || self.follow(&mut command));
            let guests: Vec<_> = commands.into_iter().map(start).collect();
            let reports: Vec<_> = guests
                .into_iter()
                .map(|guest| joined(guest.join()))
                .collect();
            conductor.inspect(|conductor| conductor.stop());
            let samples = samples.map_or(Ok(Vec::new()), |thread| joined(thread.join()));
            (reports, samples)
        });
        Ok(Outcome {
            reports: reports.into_iter().collect::<Result<_>>()?,
            samples,
        })
    }

    /// Runs a guest to its end. The others do not wait for one that has failed.
    fn follow(&self, command: &mut Command) -> Result<Report> {
        let report = watch(command, self.limits);
        let failed = report
            .as_ref()
            .map_or(true, |report| report.failure().is_some());
        if let Some(conductor) = self.conductor.as_ref().filter(|_| failed) {
            conductor.give_up()?;
        }
        report
    }
}

impl Outcome {
    /// Fails with the console of the first guest that has failed, for commands that need all
    /// figures.
    pub(super) fn expect_success(&self) -> Result<()> {
        for report in &self.reports {
            let failure = report.failure().unwrap_or_default();
            ensure!(
                report.failure().is_none(),
                "{failure}; the console:\n{}",
                report.console
            );
        }
        Ok(())
    }
}

/// Puts the image of guests with an image in a BAR into memory.
fn shared_image(suite: &Suite, files: &[GuestFiles]) -> Result<Option<Arc<SharedMemory>>> {
    let mut guests = suite.guests.iter().zip(files);
    let found = guests.find(|(guest, _)| guest.memory != Memory::Reserved);
    let memory = found.map(|(_, files)| SharedMemory::holding(&files.image));
    memory.transpose()
}

fn joined<T>(result: thread::Result<Result<T>>) -> Result<T> {
    result.unwrap_or_else(|_| Err(anyhow!("a thread panicked")))
}
