//! When an installation's cron tasks are due, in both ways in which installations read schedules: the year of a real
//! Znuny's settings, beside what Perl's module and the installation's own code say.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, chown, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use jiff::{
    SignedDuration, Timestamp, ToSpan as _,
    civil::{DateTime, date},
    tz::{AmbiguousOffset, TimeZone},
};
use serde_json::Value;

use crate::harness::{World, finish, setting};

const TASK: &str = "Daemon::SchedulerCronTaskManager::Task###";
const ZONE: &str = "Europe/Berlin";
const ACTIVE: usize = 23;
const YEAR: i16 = 2027;

/// The code of a real Znuny in a directory of its own, where no database is asked for.
struct Home {
    world: World,
    directory: PathBuf,
    code: PathBuf,
}

impl Home {
    fn new() -> Self {
        let code = env::var("ZNUNY_HOME").expect("scripts/znuny-home makes a home for the tests");
        let code = PathBuf::from(code);
        let user = fs::metadata(&code).unwrap().uid();
        let world = World::stock().by(user);
        let home = world.path("home");
        fs::create_dir_all(home.join("Custom/Kernel/System")).unwrap();
        fs::create_dir_all(home.join("Kernel")).unwrap();
        fs::create_dir_all(home.join("var")).unwrap();
        // Programs find their home by their own place.
        fs::create_dir_all(home.join("bin")).unwrap();
        let program = "bin/otrs.Daemon.pl";
        fs::copy(code.join(program), home.join(program)).unwrap();
        let link_all = |place: &str| {
            for entry in fs::read_dir(code.join(place)).unwrap() {
                let name = entry.unwrap().file_name();
                // What is there already is the test's own.
                let _ = symlink(code.join(place).join(&name), home.join(place).join(&name));
            }
        };
        fs::write(home.join("Kernel/Config.pm"), config(&home)).unwrap();
        for place in ["", "Kernel"] {
            link_all(place);
        }
        chown(home.join("var"), Some(user), None).unwrap();
        Self { world, directory: home, code }
    }

    /// Gives it a `CronEvent` of its own.
    fn overridden(&self, code: &str) {
        fs::write(self.directory.join("Custom/Kernel/System/CronEvent.pm"), code).unwrap();
    }

    fn otrsd(&self, arguments: &[&str]) -> String {
        let xml = self.code.join("Kernel/Config/Files/XML");
        let mut command = self.world.command(&self.world.program);
        command.arg("--home").arg(&self.directory).arg("--config").arg(xml);
        command.args(["--config", &self.world.text("config")]).args(arguments);
        finish(command).stdout
    }

    /// The schedules as the settings have them, by task.
    fn schedules(&self) -> BTreeMap<String, String> {
        let all = self.otrsd(&["config", "list", TASK, "--json"]);
        let all: Vec<Value> = serde_json::from_str(&all).unwrap();
        let text = |it: &Value, key: &str| it["value"][key].as_str().map(str::to_owned);
        all.iter().filter_map(|it| Some((text(it, "TaskName")?, text(it, "Schedule")?))).collect()
    }

    /// Leaves one cron task of each schedule, and the zone.
    fn one_of_each(&self, schedules: &BTreeMap<String, String>) {
        let mut seen = BTreeSet::new();
        let others = schedules.iter().filter(|(_, schedule)| !seen.insert(*schedule));
        let off = |(name, _): (&String, &String)| {
            format!("<Setting Name='{TASK}{name}' Valid='0'><Value><Hash/></Value></Setting>")
        };
        // The files of the settings lie above what this installation's Perl says.
        let zone = setting("OTRSTimeZone", ZONE);
        self.world.configure("90-others", &others.map(off).chain([zone]).collect::<Vec<_>>());
    }

    /// By schedule, when it is due in the year by `cron next`.
    fn planned(&self, schedules: &BTreeMap<String, String>) -> BTreeMap<String, Vec<Timestamp>> {
        let mut due = BTreeMap::<String, Vec<Timestamp>>::new();
        let [from, to] = year().map(|time| (time - 1.second()).to_string());
        let all = self.otrsd(&["cron", "next", "--all", "--from", &from, "--to", &to]);
        for line in all.lines().skip(1) {
            let words: Vec<_> = line.split_whitespace().collect();
            let schedule = schedules[words[4]].clone();
            due.entry(schedule).or_default().push(words[3].parse().unwrap());
        }
        due
    }

    /// What the installation's own `CronEvent` says of each schedule at each instant: the wall clock of the next and of
    /// the previous due instant.
    fn said(&self, schedules: &BTreeSet<&String>, instants: &[Timestamp]) -> Vec<[String; 2]> {
        let script = "use Kernel::System::ObjectManager; local $Kernel::OM = Kernel::System::ObjectManager->new();
            my $E = $Kernel::OM->Get('Kernel::System::CronEvent');
            while (<STDIN>) {
                chomp; my ( $Epoch, $Schedule ) = split / /, $_, 2;
                for my $Which (qw(NextEventGet PreviousEventGet)) {
                    my $At = $Kernel::OM->Create( 'Kernel::System::DateTime', ObjectParams => { Epoch => $Epoch } );
                    print $E->$Which( Schedule => $Schedule, StartDateTime => $At ), qq[\n];
                }
            }";
        let questions = schedules.iter().flat_map(|schedule| {
            instants.iter().map(move |at| format!("{} {schedule}", at.as_second()))
        });
        let home = self.directory.display();
        let mut perl = Command::new("perl");
        perl.args(["Custom", "", "Kernel/cpan-lib"].map(|place| format!("-I{home}/{place}")));
        let lines = answered(perl.args(["-e", script]), &questions.collect::<Vec<_>>());
        let (pairs, rest) = lines.as_chunks::<2>();
        assert!(rest.is_empty());
        pairs.to_vec()
    }
}

fn config(home: &Path) -> String {
    format!(
        "package Kernel::Config;
use strict;
use warnings;
sub Load {{
    my $Self = shift;
    $Self->{{Home}}         = '{}';
    $Self->{{DatabaseDSN}}  = 'DBI:Pg:dbname=nowhere;host=127.0.0.1;port=9;';
    $Self->{{DatabaseUser}} = 'nobody';
    $Self->{{OTRSTimeZone}} = '{ZONE}';
    return 1;
}}
use Kernel::Config::Defaults;
use parent qw(Kernel::Config::Defaults);
1;
",
        home.display()
    )
}

/// What a program answers to lines.
fn answered(command: &mut Command, questions: &[String]) -> Vec<String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let text = questions.join("\n") + "\n";
    let writer = thread::spawn(move || input.write_all(text.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Its first instant, and the first of the next.
fn year() -> [Timestamp; 2] {
    [YEAR, YEAR + 1].map(|it| date(it, 1, 1).to_zoned(TimeZone::UTC).unwrap().timestamp())
}

/// By schedule, what Perl's module names in the year and a day to both sides: times without a zone.
fn named(schedules: &BTreeSet<&String>) -> BTreeMap<String, Vec<DateTime>> {
    let (day, [from, to]) = (SignedDuration::from_hours(24), year());
    let [from, to] = [from - day, to + day].map(|time| time.as_second().to_string());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/schedule-year.pl");
    let questions: Vec<_> = schedules.iter().map(|it| (*it).clone()).collect();
    let lines = answered(Command::new("perl").args([script, &from, &to]), &questions);
    let (mut due, mut schedule) = (BTreeMap::<String, Vec<_>>::new(), String::new());
    for line in lines {
        match line.parse() {
            Ok(second) => {
                let time = Timestamp::from_second(second).unwrap();
                let civil = time.to_zoned(TimeZone::UTC).datetime();
                due.entry(schedule.clone()).or_default().push(civil);
            }
            Err(_) => schedule = line,
        }
    }
    due
}

/// When the clocks of a zone show a time: an hour later, if they skip it; both times, if a schedule of every hour names
/// it and they show it twice, and else the first time.
fn instants(civil: DateTime, zone: &TimeZone, every_hour: bool) -> Vec<Timestamp> {
    let of = |civil: DateTime| zone.to_ambiguous_timestamp(civil);
    match of(civil).offset() {
        AmbiguousOffset::Unambiguous { .. } => vec![of(civil).unambiguous().unwrap()],
        AmbiguousOffset::Gap { .. } => vec![of(civil + 1.hour()).unambiguous().unwrap()],
        AmbiguousOffset::Fold { .. } => {
            let both = [of(civil).earlier().unwrap(), of(civil).later().unwrap()];
            both.into_iter().take(if every_hour { 2 } else { 1 }).collect()
        }
    }
}

/// Each due instant of the year is what Perl's module names, in the zone of that kind of installation; and the
/// installation's own code says the same of the next and the previous one, all the year round and around both changes
/// of the clocks.
fn a_year_is_perls(it: &Home, zone: &TimeZone) {
    let schedules = it.schedules();
    let texts: BTreeSet<_> = schedules.values().collect();
    let ([from, to], planned) = (year(), it.planned(&schedules));
    for (schedule, civil) in named(&texts) {
        let every_hour = schedule.split(' ').take(2).any(|field| field.starts_with('*'));
        let all = civil.into_iter().flat_map(|civil| instants(civil, zone, every_hour));
        let expected: BTreeSet<_> = all.filter(|it| (from..to).contains(it)).collect();
        let found: BTreeSet<_> = planned[&schedule].iter().copied().collect();
        let differ: Vec<_> = expected.symmetric_difference(&found).take(3).collect();
        assert!(differ.is_empty(), "{schedule}: {differ:?}");
        assert_eq!(found.len(), planned[&schedule].len(), "{schedule} is due twice");
    }
    let berlin = TimeZone::get(ZONE).unwrap();
    let mut asked: Vec<_> = (1..40).map(|step| from + (step * 211).hours()).collect();
    for change in berlin.following(from).take(2) {
        // Not in the hour that is skipped or repeated: of these CronEvent says one thing forwards and another backwards.
        asked.extend([-30, -3, -2, 2, 3, 30].map(|hours| change.timestamp() + hours.hours()));
    }
    let mut answers = it.said(&texts, &asked).into_iter();
    for schedule in texts {
        let due = &planned[schedule];
        for at in &asked {
            let next = due.partition_point(|it| it <= at);
            let ours = [next, next - 1]
                .map(|number| due[number].to_zoned(berlin.clone()).strftime("%F %T").to_string());
            assert_eq!(answers.next(), Some(ours), "{schedule}, next and previous at {at}");
        }
    }
}

/// As Znuny up to 6.5.11, OTRS and OTOBO, and as Znuny from 6.5.12 on.
#[test]
fn a_year_in_both_kinds_of_installations() {
    let it = Home::new();
    let schedules = it.schedules();
    assert_eq!(schedules.len(), ACTIVE, "{schedules:#?}");
    it.one_of_each(&schedules);
    a_year_is_perls(&it, &TimeZone::UTC);
    it.overridden(IN_ITS_ZONE);
    a_year_is_perls(&it, &TimeZone::get(ZONE).unwrap());
    let check = it.otrsd(&["check"]);
    assert!(!check.contains("CronEvent"), "{check}");
    it.overridden(&IN_ITS_ZONE.replace("->ToString()", "->ToString() =~ s/:00:00/:30:00/r"));
    let check = it.otrsd(&["check"]);
    let said = "runs in Perl and not natively, for its Kernel::System::CronEvent says that";
    assert_eq!(check.matches(said).count(), 2, "{check}");
}

/// Reads schedules as times of `OTRSTimeZone`.
pub(crate) const IN_ITS_ZONE: &str = "
package Kernel::System::CronEvent;
use strict;
use warnings;
use Schedule::Cron::Events;
our @ObjectDependencies = ('Kernel::System::DateTime');
sub new              { return bless {}, shift }
sub NextEventGet     { my ( $Self, %Param ) = @_; return event( 'nextEvent',     %Param ) }
sub PreviousEventGet { my ( $Self, %Param ) = @_; return event( 'previousEvent', %Param ) }

sub event {
    my ( $Which, %Param ) = @_;
    my $Class = 'Kernel::System::DateTime';
    my $From  = $Param{StartDateTime} ? $Param{StartDateTime}->Clone() : $Kernel::OM->Create($Class);
    $From->ToOTRSTimeZone();
    my $At     = $From->Get();
    my @Date   = ( @{$At}{qw(Second Minute Hour Day)}, $At->{Month} - 1, $At->{Year} - 1900 );
    my @Event  = Schedule::Cron::Events->new( $Param{Schedule}, Date => \\@Date )->$Which();
    my %Params = ( Year => $Event[5] + 1900, Month => $Event[4] + 1, Day => $Event[3] );
    @Params{qw(Hour Minute Second TimeZone)} = ( @Event[ 2, 1, 0 ], 'floating' );
    my $Event = $Kernel::OM->Create( $Class, ObjectParams => \\%Params );
    $Event->ToOTRSTimeZone();
    return $Event->ToString();
}

sub GenericAgentSchedule2CronTab {
    my ( $Self, %Job ) = @_;
    my ( $Minutes, $Hours, $Days ) = map { join ',', @{$_} } @Job{qw(ScheduleMinutes ScheduleHours ScheduleDays)};
    return \"$Minutes $Hours * * $Days\";
}
1;
";
